package registryauth

import (
	"crypto/x509"
	"os"
	"path/filepath"
)

// rootsFor returns the authorities to trust for a registry: the system's, and those in DIR/HOST[:PORT]/*.crt where docker
// and podman look (docker-certs.d). Nil means the system's alone. Files that cannot be read or are no certificates are
// passed over, as they are for another program's use; a registry that needed them is then not trusted.
func rootsFor(host string, dirs []string) *x509.CertPool {
	var pool *x509.CertPool
	for _, dir := range dirs {
		dir = filepath.Join(dir, host)
		files, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, file := range files {
			pem, err := os.ReadFile(filepath.Join(dir, file.Name()))
			if err != nil || filepath.Ext(file.Name()) != ".crt" {
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
