package registryauth

import (
	"crypto/x509"
	"os"
	"path/filepath"

	"github.com/zen-agent/zen/internal/paths"
)

// maxPEM is how much of a file of certificates is read, in bytes.
const maxPEM = 4 << 20

// rootsFor returns the authorities to trust for a registry: the system's, and those in
// DIR/HOST[:PORT]/*.crt where docker and podman look (docker-certs.d). Nil means the
// system's alone. Files that cannot be read or are not certificates are passed over, as
// they are for another program's use; a registry that needed them is then not trusted.
func rootsFor(host string, dirs []string) *x509.CertPool {
	var pool *x509.CertPool
	for _, dir := range dirs {
		dir = filepath.Join(dir, host)
		files, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, file := range files {
			if filepath.Ext(file.Name()) != ".crt" {
				continue
			}
			pem, err := paths.ReadFile(filepath.Join(dir, file.Name()), maxPEM)
			if err != nil {
				continue
			}
			if pool == nil {
				pool = systemPool()
			}
			pool.AppendCertsFromPEM(pem)
		}
	}
	return pool
}

func systemPool() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return pool
}
