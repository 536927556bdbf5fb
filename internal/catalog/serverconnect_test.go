package catalog

import (
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// What connecting comes to, by what the server says it is and who it says we are.
func TestConnecting(t *testing.T) {
	w := newWorld(t)
	for _, s := range []api.Server{
		{ID: "1", Name: "prod", URL: "https://a.example.com", ServerID: "A", User: "ann"},
		{ID: "2", Name: "robot", URL: "https://a.example.com", ServerID: "A", User: "robot"},
		{ID: "3", Name: "dev", URL: "https://b.example.com", ServerID: "B", User: "ann"},
		{ID: "4", Name: "old", URL: "https://c.example.com"}, // connected before ids were kept
	} {
		s.Created = w.tick()
		change, err := w.Servers.Put(s)
		if err != nil {
			t.Fatal(err)
		}
		w.commit(change)
	}
	tests := []struct {
		name       string
		server     api.Server
		replace    bool
		id, called string // what it is afterwards; id "" is a server of its own
		moved      string // the name of the one that it is, when a person has to say so
		refused    string // a part of the error
		early      string // the same, of what is known before the login; "moved" is that
	}{
		{
			name:   "the same again",
			server: api.Server{URL: "https://a.example.com", ServerID: "A", User: "ann"},
			id:     "1", called: "prod",
		},
		{
			name:   "the same, by its name",
			server: api.Server{Name: "prod", URL: "https://a.example.com", ServerID: "A", User: "ann"},
			id:     "1", called: "prod",
		},
		{
			name:   "the other account again",
			server: api.Server{URL: "https://a.example.com", ServerID: "A", User: "robot"},
			id:     "2", called: "robot",
		},
		{
			name:    "the same under another name",
			server:  api.Server{Name: "new", URL: "https://a.example.com", ServerID: "A", User: "ann"},
			refused: "zen is connected to this server already, as 'prod' (https://a.example.com)",
		},
		{
			name:   "moved",
			server: api.Server{URL: "https://new.example.com", ServerID: "B", User: "ann"}, moved: "dev",
			early: "moved",
		},
		{
			name:   "moved, with the word",
			server: api.Server{URL: "https://new.example.com", ServerID: "B", User: "ann"}, replace: true,
			id: "3", called: "dev", early: "moved",
		},
		{
			name:   "moved, named",
			server: api.Server{Name: "dev", URL: "https://new.example.com", ServerID: "B", User: "ann"},
			moved:  "dev",
		},
		{
			name:    "another account without a name",
			server:  api.Server{URL: "https://b.example.com", ServerID: "B", User: "bob"},
			refused: "as 'dev' with the account 'ann', and 'bob' is another account",
		},
		{
			name:    "another account without a name, with the word",
			server:  api.Server{URL: "https://b.example.com", ServerID: "B", User: "bob"},
			replace: true, refused: "is another account",
		},
		{
			name:    "another account under a taken name",
			server:  api.Server{Name: "dev", URL: "https://b.example.com", ServerID: "B", User: "bob"},
			refused: "--name dev --replace",
		},
		{
			name:    "another account in the place of the first",
			server:  api.Server{Name: "dev", URL: "https://b.example.com", ServerID: "B", User: "bob"},
			replace: true, id: "3", called: "dev",
		},
		{
			name:   "another account with a name of its own",
			server: api.Server{Name: "bobs", URL: "https://b.example.com", ServerID: "B", User: "bob"},
			called: "bobs",
		},
		{
			name:   "another account under another address",
			server: api.Server{Name: "bobs", URL: "https://new.example.com", ServerID: "B", User: "bob"},
			called: "bobs",
		},
		{
			name:   "another server",
			server: api.Server{URL: "https://x.example.com", ServerID: "X", User: "ann"},
			called: "x.example.com",
		},
		{
			name:    "another server of a taken name",
			server:  api.Server{Name: "dev", URL: "https://x.example.com", ServerID: "X", User: "ann"},
			refused: "zen is connected to another server of the name 'dev' already: https://b.example.com",
			early:   "another server of the name 'dev'",
		},
		{
			name:    "another server of a taken name, with the word",
			server:  api.Server{Name: "dev", URL: "https://x.example.com", ServerID: "X", User: "ann"},
			replace: true, refused: "another server of the name 'dev'",
			early: "another server of the name 'dev'",
		},
		{
			name:   "another server at an address that was one's",
			server: api.Server{URL: "https://b.example.com", ServerID: "X", User: "ann"},
			called: "b.example.com",
		},
		{
			name:   "one without an id again",
			server: api.Server{URL: "https://c.example.com", ServerID: "C", User: "ann"},
			id:     "4", called: "old",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			moved, err := w.Servers.Greeted(tt.server)
			switch {
			case tt.early == "moved" && (err != nil || moved == nil || moved.ID != "3"):
				t.Errorf("before the login: %v, %v", moved, err)
			case tt.early == "" && (err != nil || moved != nil):
				t.Errorf("before the login: %v, %v", moved, err)
			case tt.early != "" && tt.early != "moved":
				wantError(t, err, credential.Exists, tt.early)
			}
			got, moved, err := w.Servers.Connecting(tt.server, tt.replace)
			switch {
			case tt.refused != "":
				wantError(t, err, credential.Exists, tt.refused)
			case tt.moved != "":
				if err != nil || moved == nil || moved.Name != tt.moved {
					t.Errorf("moved %v, %v", moved, err)
				}
			case err != nil || moved != nil || got.ID != tt.id || got.Name != tt.called ||
				got.URL != tt.server.URL:
				t.Errorf("is %+v, moved %v, %v", got, moved, err)
			}
		})
	}
}
