package isolated

import (
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
)

// BenchmarkVerify compares asking in a child process with asking here.
func BenchmarkVerify(b *testing.B) {
	r := registrytest.StartBearer("alice", password)
	defer r.Close()
	for name, c := range map[string]checker{"here": registryauth.New(), "isolated": asker(b)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				got, err := c.Verify(
					b.Context(),
					target(b, r.Host),
					alice(password),
					connector.VerifyOptions{},
				)
				if err != nil || got.Verification != api.VerificationValid {
					b.Fatalf("%+v, %v", got, err)
				}
			}
		})
	}
}
