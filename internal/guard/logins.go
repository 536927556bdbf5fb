package guard

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// place is where a login is kept. What stands before an @ in a key could be a password.
func (s *scene) place(k *logins.Login) place {
	return place{s.path, "login " + k.PlainKey()}
}

func registry(k *logins.Login) string { return safetext.Name(k.Registry()) }

// digest tells one login from another for as long as this process lives.
func (g *Guard) digest(k *logins.Login) uint64 {
	return digest(g.seed, k.ServerURL, k.Username, k.Secret)
}

func digest(seed maphash.Seed, serverURL, username string, secret credential.Secret) uint64 {
	return maphash.Comparable(seed, [3]any{serverURL, username, maphash.Bytes(seed, secret.Reveal())})
}

// patient is zen for somebody who comes back with the same login: its registry is asked
// once, until it answers.
type patient struct {
	adopt.Zen

	seed     maphash.Seed
	verdicts map[uint64]api.CredentialReport
}

func (p *patient) Verify(
	ctx context.Context, serverURL string, cred credential.Credential,
) (api.CredentialReport, error) {
	id := digest(p.seed, serverURL, cred.Username, cred.Secret)
	if report, known := p.verdicts[id]; known {
		return report, nil
	}
	report, err := p.Zen.Verify(ctx, serverURL, cred)
	if v := report.Verification; err == nil && (v == api.VerificationValid || v == api.VerificationRejected) {
		p.verdicts[id] = report
	}
	return report, err
}

// left tells of a login that stays in its file, and why.
func (s *scene) left(k *logins.Login, why, hint string) {
	if why != "" {
		why = "; " + why
	}
	s.add(finding{
		file: s.path, what: " stores credentials in plain text", registries: []string{registry(k)}, why: why,
		hint: s.where(s.file, hint),
	})
}

func (s *scene) leftBy(k *logins.Login, err error) {
	s.left(k, err.Error(), cmp.Or(credential.HintOf(err), "zen import"))
}

// consider decides what becomes of a login: it is reported, or zen has it by now and it
// may go.
func (s *scene) consider(ctx context.Context, k *logins.Login) {
	switch {
	case s.mode != Import:
		s.left(k, "", "zen import")
	case k.Problem != nil:
		s.leftBy(k, k.Problem)
	case !s.asksZen(s.then, k):
		if at := s.place(k); s.taken[at] == s.digest(k) {
			s.again(ctx, at)
		}
		s.left(k, s.client+" does not ask zen for them", "zen import")
	default:
		s.adopt(ctx, k)
	}
}

// adopt makes zen answer with the login, unless that would take something from somebody.
// It may leave the file then.
func (s *scene) adopt(ctx context.Context, k *logins.Login) {
	it := &adopt.Item{Login: k, Profile: s.profile(k)}
	s.adopter.Compare(ctx, it)
	s.answers[k] = it.Answered
	if it.State != adopt.Failed && s.putBack(ctx, k, it.State == adopt.Same) {
		s.left(k, "zen already moved them once, and they were put back", "zen import")
		return
	}
	s.adopter.Check(ctx, []*adopt.Item{it})
	s.adopter.Take(ctx, it)
	s.answers[k] = it.Answered
	if !it.Held() {
		s.leftBy(k, it.Why)
		return
	}
	s.ready = append(s.ready, it)
}

// putBack reports whether a login is one that was taken out of the same place before.
// same is whether zen answers with it.
func (s *scene) putBack(ctx context.Context, k *logins.Login, same bool) bool {
	at, id := s.place(k), s.digest(k)
	i := s.memory.find(at, "")
	if i < 0 {
		return false
	}
	last, known := s.taken[at]
	switch {
	case known && last != id, !known && !same && !s.memory.deeds[i].Again:
		return false // another login
	}
	s.taken[at] = id
	s.again(ctx, at)
	return true
}

// again remembers that a login was put back, which lasts until it is gone again.
func (s *scene) again(ctx context.Context, at place) {
	if i := s.memory.find(at, ""); i >= 0 {
		s.forgot(s.memory.again(ctx, i))
	}
}

// news reports whether there is a login in the file that was not there when zen last made
// it name zen again, nor was taken out of it: a tool put it there and wrote the whole
// file anew, which is not a quarrel. It has to be one that zen is to move.
func (s *scene) news() bool {
	return s.mode == Import && slices.ContainsFunc(s.kept, func(k *logins.Login) bool {
		at, id := s.place(k), s.digest(k)
		last, taken := s.taken[at]
		return k.Problem == nil && !slices.Contains(s.mended[s.path], id) &&
			(taken && last != id || !taken && s.memory.find(at, "") < 0)
	})
}

// takeOut removes from the file what zen answers for, as far as the client asks zen.
// Where it was is remembered first, for zen import --undo.
func (s *scene) takeOut(ctx context.Context, repaired bool) {
	leaving := slices.DeleteFunc(s.ready, func(it *adopt.Item) bool {
		if repaired || s.asksZen(s.now, it.Login) {
			return false
		}
		s.left(it.Login, s.client+" does not ask zen for them", "zen import")
		return true
	})
	if len(leaving) == 0 {
		return
	}
	s.adopter.TakeOut(ctx, leaving)
	for _, it := range leaving {
		k := it.Login
		if !it.Removed {
			s.leftBy(k, it.Why) // when another program changed the file, there is an event to come
			continue
		}
		at := s.place(k)
		s.taken[at] = s.digest(k)
		s.forgot(s.memory.did(ctx, at, "", s.look.now()))
		d := remedy{text: "the login for " + registry(k) + " was in plain text in " + safetext.Name(s.path) +
			" and is in the vault now"}
		if s.client == "docker" {
			d.file, d.registry = s.path, k.Address
		}
		s.tell(d)
	}
}
