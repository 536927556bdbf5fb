package guard

import (
	"os"
	"strings"
	"testing"
)

const gone = "~/.docker/config.json does not name zen any more: credsStore is gone"

// Files that zen setup changed are guarded, others are nobody's business.
func TestStrays(t *testing.T) {
	for _, mode := range []Mode{Report, Repair, Import} {
		t.Run(string(mode), func(t *testing.T) {
			h := newHome(t, mode)
			h.config("{}")
			h.look()
			h.wantNotices()
			h.setup("docker")
			want := h.read(docker)
			for _, change := range [][2]string{{`{"credsStore":"desktop"}`, "credsStore is " +
				"desktop"}, {"{}", "credsStore is gone"}} {
				now, text := change[0], change[1]
				h.config(now)
				h.look()
				if mode == Report {
					h.wantNotices("~/.docker/config.json does not name zen any more: " + text + " -> zen " +
						"setup docker")
					h.wantFile(docker, now)
					continue
				}
				if got := strings.Join(h.notices(), "\n"); !strings.Contains(got, "~/.docker/config.json "+
					"names zen again: "+strings.Replace(text, " is ", " was ", 1)) {
					t.Errorf("notices: %s", got)
				}
				if got := h.read(docker); !strings.Contains(got, `"zen"`) {
					t.Error(got)
				}
			}
			if mode != Report {
				h.wantFile(docker, want)
			}
		})
	}
}

func TestStraysOfHostsAndPlaces(t *testing.T) {
	h := newHome(t, Report)
	h.vars["DOCKER_CONFIG"] = h.at("ci")
	h.write("ci/config.json", "{}")
	h.setup("docker", "ghcr.io", "quay.io")
	h.setup("podman")
	h.vars["DOCKER_CONFIG"] = "" // in zend's environment it never was
	h.look()
	h.wantNotices()
	h.write("ci/config.json", `{"credHelpers":{"ghcr.io":"ecr"}}`)
	h.must(os.Remove(h.at(".config/containers/registries.conf.d/99-zen.conf")))
	h.look()
	h.wantNotices(
		`~/ci/config.json does not name zen any more: credHelpers["ghcr.io"] is ecr, `+
			`credHelpers["quay.io"] is gone -> `+
			"DOCKER_CONFIG=~/ci zen setup docker --host ghcr.io --host quay.io",
		"~/.config/containers/registries.conf.d/99-zen.conf does not name zen any more: "+
			"credential-helpers is gone -> zen setup podman",
	)
	h.guard.SetMode(Repair)
	h.look()
	h.wantFile("ci/config.json", `{"credHelpers":{"ghcr.io":"zen","quay.io":"zen"}}`)
	if text := h.read(".config/containers/registries.conf.d/99-zen.conf"); !strings.Contains(
		text,
		`credential-helpers = ["zen"]`,
	) {
		t.Error(text)
	}
}

// skopeo, podman and buildah write docker's file anew when DOCKER_CONFIG is set: the
// password in, credsStore and everything they do not know out, and a file in the place of
// a link.
func TestWhatSkopeoDoes(t *testing.T) {
	h := newHome(t, Import)
	h.write("dotfiles/docker.json", "{\n\t\"credsStore\": \"pass\",\n\t\"plugins\": {\"x\": {\"y\": "+
		"\"z\"}}\n}\n")
	h.must(os.MkdirAll(h.at(".docker"), 0o700))
	h.must(os.Symlink("../dotfiles/docker.json", h.at(docker)))
	h.setup("docker")
	h.look()
	h.wantNotices()
	h.must(os.Remove(h.at(docker)))
	h.config(
		"{\n\t\"auths\": {\n\t\t\"ghcr.io\": {\n\t\t\t\"auth\": \"" + basic(
			canary,
		) + "\"\n\t\t}\n\t},\n\t\"credHelpers\": {\n\t\t\"quay.io\": \"ecr\"\n\t}\n}",
	)
	h.look()
	h.wantFile(docker, "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"credHelpers\": "+
		"{\n\t\t\"quay.io\": \"ecr\"\n\t},\n\t\"credsStore\": \"zen\"\n}")
	h.vault.has(t, "ghcr.io", "alice:"+canary)
	h.wantSecretIn()
	h.wantNotices("~/.docker/config.json names zen again: credsStore was gone -> ",
		"the login for ghcr.io was in plain text in ~/.docker/config.json and is in the vault now -> ")
}

// docker would not see a login in plain text any more once its file names zen: so zen has
// to have it first.
func TestRepairTakesNoLoginAway(t *testing.T) {
	h := newHome(t, Repair)
	h.config("{}")
	h.setup("docker")
	stray := `{` + auths("ghcr.io") + `}`
	h.config(stray)
	h.look()
	h.wantFile(docker, stray)
	clear := "~/.docker/config.json stores credentials in plain text: ghcr.io"
	why := "; zen leaves it so, because docker would lose its logins: ghcr.io -> zen import"
	h.wantNotices(clear+" -> zen import", gone+why)

	h.guard.SetMode(Import)
	h.vault.verdicts["alice:"+canary] = "rejected"
	h.look()
	h.wantFile(docker, stray)
	h.wantNotices(clear+"; the registry says rejected -> log in again: docker login ghcr.io, or import "+
		"it all the same: zen import --no-verify", gone+why)

	h.vault.stored["ghcr.io"] = "bob:another" // docker asked zen for that one before
	h.look()
	h.wantFile(docker, `{`+auths("ghcr.io")+`,"credsStore": "zen"}`)
}

// zen does the same thing once. Who does it again has a reason, and is only told of.
func TestRepairedOnce(t *testing.T) {
	h := newHome(t, Repair)
	h.config("{}")
	h.setup("docker")
	mended := h.read(docker)
	h.config("{}")
	h.look()
	h.wantFile(docker, mended)
	again := gone + "; zen already fixed this once, and it was changed back -> zen setup docker"
	for range 3 {
		h.config("{}")
		h.look()
		h.wantFile(docker, "{}")
		h.restart(Repair) // a new zend is no new chance
		h.look()
		h.wantFile(docker, "{}")
		h.wantNotices(again)
	}
	h.config(`{"credsStore":"desktop"}`) // that is another change
	h.look()
	h.wantFile(docker, `{"credsStore":"zen"}`)

	h.setup("docker") // nothing to do: the quarrel is over
	h.look()
	h.config("{}")
	h.look()
	if got := h.read(docker); !strings.Contains(got, "zen") {
		t.Error("after a person put it right, it was not mended again")
	}
}

// A tool that writes the file anew for another login is no quarrel; who only takes zen
// out again is.
func TestRepairedForEachLogin(t *testing.T) {
	h := newHome(t, Import)
	h.config("{}")
	h.setup("docker")
	for i, host := range []string{"ghcr.io", "quay.io", "ghcr.io"} {
		password := canary + string(rune('a'+i))
		h.config(`{"auths": {"` + host + `": {"auth": "` + basic(password) + `"}}}`)
		h.look()
		h.wantFile(docker, `{"auths": {"`+host+`": {}},"credsStore": "zen"}`)
		h.vault.has(t, host, "alice:"+password)
	}
	for _, now := range []string{`{"auths": {"ghcr.io": {}}}`, `{"auths": {"ghcr.io": {"auth": ` +
		`"` + basic(canary+"c") + `"}}}`} {
		h.config(now) // without a login, and with one that zen took out before
		h.look()
		h.wantFile(docker, now)
		if list := strings.Join(h.notices(), "\n"); !strings.Contains(list, gone+"; zen already fixed "+
			"this once, and it was changed back -> zen setup docker") {
			t.Error(list)
		}
	}

	h.setup("docker")
	h.look()
	h.vault.minted["prod.example"] = "prod" // the login stays where it is
	with := `{` + auths("prod.example") + `}`
	h.config(with)
	h.look()
	h.wantFile(docker, `{`+auths("prod.example")+`,"credsStore": "zen"}`)
	for range 2 {
		h.config(with)
		h.look()
		h.wantFile(docker, with)
	}
}

// A quarrel about both ends when a person puts both right.
func TestSettledQuarrel(t *testing.T) {
	h := newHome(t, Import)
	h.config("{}")
	h.setup("docker")
	const empty = `{"auths": {"ghcr.io": {}},"credsStore": "zen"}`
	stray := `{` + auths("ghcr.io") + `}`
	for range 3 {
		h.config(stray)
		h.look()
		h.wantFile(docker, empty)
		h.config(stray)
		h.look()
		h.wantFile(docker, stray)
		h.config(empty) // zen import
		h.look()
	}
}

func TestImportedOnce(t *testing.T) {
	h := newHome(t, Import)
	const empty = `{"credsStore":"zen","auths": {"ghcr.io": {}}}`
	with := `{"credsStore":"zen",` + auths("ghcr.io") + `}`
	h.config(with)
	h.look()
	h.wantFile(docker, empty)
	again := "~/.docker/config.json stores credentials in plain text: ghcr.io; zen already moved them " +
		"once, and they were put back -> zen import"
	for _, restart := range []bool{false, false, true, true} {
		if restart {
			h.restart(Import)
		}
		h.config(with)
		h.look()
		h.wantFile(docker, with)
		if got := h.notices(); got[0] != again {
			t.Errorf("%q", got)
		}
	}
	delete(h.vault.stored, "ghcr.io") // zen logout: still the login that was put back
	h.look()
	h.wantFile(docker, with)
	h.restart(Import)
	h.look()
	h.wantFile(docker, with)

	other := strings.ReplaceAll(with, basic(canary), basic(canary+"2")) // a login of today
	h.config(other)
	h.look()
	h.wantFile(docker, empty)
	h.vault.has(t, "ghcr.io", "alice:"+canary+"2")

	h.config(other)
	h.look()
	h.wantFile(docker, other)
	h.config(empty) // zen import, by a person
	h.look()
	h.config(other)
	h.look()
	h.wantFile(docker, empty)
	h.wantSecretIn()
}

// A zend that starts again treats a new password as one, and the old one as put back.
func TestImportedOnceAfterRestart(t *testing.T) {
	h := newHome(t, Import)
	with := `{"credsStore":"zen",` + auths("ghcr.io") + `}`
	h.config(with)
	h.look()
	h.restart(Import)
	h.config(strings.ReplaceAll(with, basic(canary), basic("new-"+canary)))
	h.look()
	h.vault.has(t, "ghcr.io", "alice:new-"+canary)
	h.wantFile(docker, `{"credsStore":"zen","auths": {"ghcr.io": {}}}`)
}

// What was done is remembered without anything secret, even where a key holds a password.
func TestMemory(t *testing.T) {
	h := newHome(t, Import)
	h.config(
		`{"credsStore":"zen","auths":{"alice:` + canary + `@ghcr.io":{"auth":"` + basic(
			canary,
		) + `"},"quay.io":{"auth":"` + basic(
			canary,
		) + `"}}}`,
	)
	h.look()
	if text := h.read("state/guard.json"); strings.Contains(text, canary) ||
		!strings.Contains(text, `"part": "login quay.io"`) {
		t.Error(text)
	}
	h.write("state/guard.json", "damaged")
	h.restart(Import)
	h.config(`{"credsStore":"zen",` + auths("new.example") + `}`)
	h.look()
	h.vault.has(t, "new.example", "alice:"+canary)
	if text := h.read("state/guard.json"); !strings.Contains(text, "new.example") {
		t.Error(text)
	}
	if !strings.Contains(h.log.String(), "cannot read what was done before") {
		t.Error("a damaged memory is passed over in silence")
	}
}
