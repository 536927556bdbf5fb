module github.com/zen-agent/zen

go 1.26.0

require (
	github.com/BurntSushi/toml v1.6.0 // config.toml and containers' registries.conf
	github.com/clipperhouse/uax29/v2 v2.2.0 // splits texts in tables where people see characters
	github.com/creack/pty v1.1.24 // tests: terminals
	github.com/docker/cli v29.7.2+incompatible // tests: docker's own reading and writing of config.json
	github.com/docker/docker-credential-helpers v0.9.11 // tests: docker's own client of the helper that zen is
	github.com/fsnotify/fsnotify v1.10.1 // edited settings and clients' files are noticed without polling; on Linux its types only
	github.com/godbus/dbus/v5 v5.2.3 // what the Secret Service answers, beyond go-keyring's errors; tests: a bus with faults
	github.com/google/go-cmp v0.7.0 // tests: differences that can be read
	github.com/google/go-containerregistry v0.22.1 // the registries' handshake
	github.com/google/uuid v1.6.0 // ids of entities, as ZenML has them
	github.com/mattn/go-runewidth v0.0.30 // how wide a character is in a table
	github.com/rogpeppe/go-internal v1.15.0 // the diff of zen setup --dry-run; tests: stories with the programs
	github.com/spf13/cobra v1.10.2 // zen's command line, man pages and completion
	github.com/spf13/pflag v1.0.10 // flags of cobra's that take attributes
	github.com/zalando/go-keyring v0.2.8 // the OS keyrings
	go.yaml.in/yaml/v3 v3.0.6 // zen's yaml output, stack files
	golang.org/x/crypto v0.57.0 // XChaCha20-Poly1305 and Argon2id of the vault
	golang.org/x/sync v0.24.0 // large answers wait for each other
	golang.org/x/sys v0.48.0 // peer credentials, locked memory, the kernel keyring, hardening
	golang.org/x/term v0.46.0 // prompts without echo, a terminal's size
)

require (
	github.com/cpuguy83/go-md2man/v2 v2.0.7 // indirect
	github.com/danieljoos/wincred v1.2.3 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/compress v1.19.2 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/sirupsen/logrus v1.9.4 // indirect
	golang.org/x/tools v0.49.0 // indirect
	gotest.tools/v3 v3.5.2 // indirect
)
