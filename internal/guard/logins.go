package guard

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

func credentialOf(k *logins.Login) credential.Credential {
	return credential.Credential{Username: k.Username, Secret: k.Secret}
}

// place is where a login is kept. What stands before an @ in a key could be a password.
func (s *scene) place(k *logins.Login) place {
	return place{s.path, "login " + k.Key[strings.LastIndexByte(k.Key, '@')+1:]}
}

// digest tells one login from another for as long as this process lives.
func (g *Guard) digest(k *logins.Login) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(k.ServerURL)))
	h.Write(size[:])
	h.WriteString(k.ServerURL)
	binary.LittleEndian.PutUint64(size[:], uint64(len(k.Username)))
	h.Write(size[:])
	h.WriteString(k.Username)
	// not into h, which keeps a copy
	binary.LittleEndian.PutUint64(size[:], maphash.Bytes(g.seed, k.Secret.Reveal()))
	h.Write(size[:])
	return h.Sum64()
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
	hint := hintOf(err)
	if hint == "" {
		hint = "zen import"
	}
	s.left(k, err.Error(), hint)
}

// consider decides what becomes of a login: it is told of, or zen has it by now and it
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
	case s.keep(ctx, k):
		s.ready = append(s.ready, k)
	}
}

// keep makes zen answer with the login, unless that would take something from somebody,
// and reports whether it may leave the file.
func (s *scene) keep(ctx context.Context, k *logins.Login) bool {
	has, err := s.holds(ctx, k)
	if err == nil && has.Exact && !has.Same && k.Narrow() {
		has, err = s.holds(ctx, k)
	}
	if err != nil && !credential.NotLoggedIn.Is(err) {
		s.leftBy(k, err)
		return false
	}
	if s.putBack(ctx, k, has.Same) {
		s.left(k, "zen already moved them once, and they were put back", "zen import")
		return false
	}
	if has.Same {
		return true
	}
	if err := s.check(ctx, k, has); err != nil {
		s.leftBy(k, err)
		return false
	}
	if err := s.vault.Store(ctx, s.profile(k), k.ServerURL, credentialOf(k)); err != nil {
		s.leftBy(k, err)
		return false
	}
	has, err = s.holds(ctx, k)
	if err == nil && !has.Same {
		err = credential.NewError(credential.Internal, "zen stored it, and answers with another "+
			"login", "zen why "+k.Address.String())
	}
	if err != nil {
		s.leftBy(k, err)
	}
	return err == nil
}

// check returns why a login should not be stored. Another one that zen has gives way only
// to one that the registry accepts, and one by a service connector never.
func (s *scene) check(ctx context.Context, k *logins.Login, has Holding) error {
	conflict := func(by string) error {
		return credential.NewError(credential.Exists, "zen has another login there, by "+by,
			"choose one of them: zen import --prefer zen, or --prefer source")
	}
	if has.Exact && has.Connector != "" {
		return conflict("service connector '" + has.Connector + "'")
	}
	id := s.digest(k)
	report, known := s.verdicts[id]
	if !known {
		var err error
		if report, err = s.vault.Verify(ctx, k.ServerURL, credentialOf(k)); err != nil {
			return err
		}
		if report.Verification == api.VerificationValid || report.Verification == api.VerificationRejected {
			s.verdicts[id] = report
		}
	}
	switch {
	case report.Verification == api.VerificationRejected:
		return credential.NewError(credential.Rejected, report.Detail, "log in again: docker "+
			"login "+k.Address.Host())
	case has.Exact && report.Verification != api.VerificationValid:
		return conflict("docker login")
	}
	return nil
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
// file anew, which is no quarrel. It has to be one that zen is to move.
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
	leaving := slices.DeleteFunc(slices.Clone(s.ready), func(k *logins.Login) bool {
		if repaired || s.asksZen(s.now, k) {
			return false
		}
		s.left(k, s.client+" does not ask zen for them", "zen import")
		return true
	})
	if len(leaving) == 0 {
		return
	}
	var records []logins.Record
	for _, k := range leaving {
		records = append(records, k.Record(s.look.now()))
	}
	err := logins.Remember(ctx, s.env.State, records)
	var stay []*logins.Login
	if err == nil {
		stay, err = logins.Scrub(ctx, s.path, leaving)
	}
	for _, k := range leaving {
		switch {
		case err != nil:
			s.leftBy(k, err)
		case slices.Contains(stay, k): // another program changed it meanwhile: there is an event to come
			s.left(k, "another program changed them meanwhile", "zen import")
		default:
			at := s.place(k)
			s.taken[at] = s.digest(k)
			s.forgot(s.memory.did(ctx, at, "", s.look.now()))
			d := remedy{
				text: "the login for " + registry(
					k,
				) + " was in plain text in " + safetext.Name(
					s.path,
				) + " and is in the vault now",
			}
			if s.client == "docker" {
				d.file, d.registry = s.path, k.Address
			}
			s.tell(d)
		}
	}
}
