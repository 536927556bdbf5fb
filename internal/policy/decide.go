package policy

import (
	"fmt"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// Decision is what the rules say about a use.
type Decision struct {
	Refusal *credential.Error // not nil: it must not be; without a hint, which depends on where the rules are
	Rates   []Limit           // it must not be more often than these allow
	Confirm bool              // a person has to allow it
	Keep    time.Duration     // for how long a person's yes counts; 0: once
}

// Limit is a rule's rate.
type Limit struct {
	Rule int
	Rate Rate
}

// Decide applies rules that are all about the use (see About). resolve follows symbolic
// links in a path; it is asked only where the paths as they are do not fit.
func Decide(rules []Rule, u Use, resolve func(path string) string) Decision {
	var d Decision
	for _, r := range rules {
		if d.Refusal = r.refuse(u, resolve); d.Refusal != nil {
			return Decision{Refusal: d.Refusal}
		}
		if r.Rate.Count > 0 {
			d.Rates = append(d.Rates, Limit{r.Number, r.Rate})
		}
		if r.Confirm && (!d.Confirm || r.Keep < d.Keep) {
			d.Keep = r.Keep
		}
		d.Confirm = d.Confirm || r.Confirm
	}
	return d
}

func (r Rule) refuse(u Use, resolve resolver) *credential.Error {
	asker := u.Asker()
	switch {
	case r.Executables != nil && asker == "":
		return r.refusal("is only for %s, and which program asks is not known", u, oneOf(r.Executables))
	case r.Executables != nil && !r.hasProgram(u.Programs, resolve):
		return r.refusal("is only for %s, and not for %s", u, oneOf(r.Executables), asker)
	case r.Directories != nil && u.Dir == "":
		return r.refusal("is only for programs below %s, and where the one that asks works is not "+
			"known", u, oneOf(r.Directories))
	case r.Directories != nil && !r.hasDir(u.Dir, resolve):
		return r.refusal("is only for programs below %s, and not in %s", u, oneOf(r.Directories), u.Dir)
	}
	return nil
}

func (r Rule) refusal(format string, u Use, args ...any) *credential.Error {
	return credential.NewError(
		credential.Denied,
		fmt.Sprintf(
			"%s "+format+" (rule %d of the policy)",
			append(append([]any{u.What()}, args...), r.Number)...),
		"",
	)
}
