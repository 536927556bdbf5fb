//go:build bench && linux

package bench

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// The budget of one get: how long it may take, in empty programs, and how many times
// faster it is than docker's helpers.
const (
	mostOverEmpty      = 1.2
	fasterThanSecrets  = 9
	fasterThanPass     = 24
	defaultRounds      = 400
	warmUp             = 20
	parallel           = 50
	benchmarkedAddress = "registry.example"
)

// program is what is measured: one run with its input.
type program struct {
	name   string
	path   string
	args   []string
	stdin  string
	env    []string
	want   string  // what its output contains
	faster float64 // how many times get has to be faster; 0: no matter
	took   []time.Duration
}

// run runs the program once. The time is from before the process is made until it has
// been waited for.
func (p *program) run() (time.Duration, error) {
	in, feed, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	feed.WriteString(p.stdin)
	feed.Close()
	read, out, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer read.Close()
	attr := &os.ProcAttr{Env: p.env, Files: []*os.File{in, out, os.Stderr}, Dir: "/"}
	argv := append([]string{p.path}, p.args...)
	begin := time.Now()
	process, err := os.StartProcess(p.path, argv, attr)
	if err != nil {
		return 0, err
	}
	state, err := process.Wait()
	took := time.Since(begin)
	out.Close()
	if err != nil {
		return 0, err
	}
	answer := make([]byte, 64<<10)
	n, _ := read.Read(answer)
	if !state.Success() || !bytes.Contains(answer[:n], []byte(p.want)) {
		return 0, fmt.Errorf("%s ended with %v and said %q", p.name, state, answer[:n])
	}
	return took, nil
}

func TestGet(t *testing.T) {
	h := newHome(t)
	get := &program{
		name: "docker-credential-zen get", path: h.build("docker-credential-zen"), args: []string{"get"},
		stdin: benchmarkedAddress, env: h.environ(), want: `"Secret":"` + h.secret + `"`,
	}
	h.build("zend")
	h.store(get.path)
	empty := &program{
		name: "an empty static Go program",
		path: h.buildSource("empty", nothing),
		env:  h.environ(),
	}
	line := &program{
		name: "a static Go program that prints a line",
		path: h.buildSource("line", oneLine),
		env:  h.environ(),
		want: "a line",
	}
	least := h.least()
	var peers []*program
	for _, peer := range []*program{h.secretService(), h.pass(), h.gitCache()} {
		if peer != nil {
			peers = append(peers, peer)
		}
	}
	programs := slices.Concat([]*program{empty, line, least, get}, peers)
	rounds := measure(t, programs)
	report(programs, rounds)
	fmt.Println()
	verdict("docker-credential-zen get, in empty programs", ratio(get, empty), mostOverEmpty, false)
	fmt.Printf("docker-credential-zen get, in the least that asks zend: %.2f\n", ratio(get, least))
	for _, peer := range peers {
		if what := "times faster than " + peer.name; peer.faster > 0 {
			verdict(what, ratio(peer, get), peer.faster, true)
		} else {
			fmt.Printf("%s: %.2f\n", what, ratio(peer, get))
		}
	}
	for _, peer := range []string{
		"docker-credential-secretservice", "docker-credential-pass",
		"git credential-cache",
	} {
		if !slices.ContainsFunc(programs, func(p *program) bool { return p.name == peer+" get" }) {
			fmt.Printf("%s is not installed, or lacks its keyring: not measured\n", peer)
		}
	}
	together(t, slices.Concat([]*program{get}, peers))
	h.first(get)
}

// measure runs every program once a round, in an order of its own each time: one that
// always follows itself, or another run of the same file, is a tenth faster than users
// see.
func measure(t *testing.T, programs []*program) int {
	rounds := defaultRounds
	if n, err := strconv.Atoi(os.Getenv("ROUNDS")); err == nil && n > 0 {
		rounds = n
	}
	for round := range warmUp + rounds {
		for _, i := range rand.Perm(len(programs)) {
			took, err := programs[i].run()
			if err != nil {
				t.Fatal(err)
			}
			if round >= warmUp {
				programs[i].took = append(programs[i].took, took)
			}
		}
	}
	return rounds
}

func report(programs []*program, rounds int) {
	fmt.Printf("whole processes, %d rounds in turns\n\n", rounds)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "median\tp99\t× empty\t\t")
	for _, p := range programs {
		fmt.Fprintf(
			table,
			"%.2f ms\t%.2f ms\t%.2f\t\t%s\n",
			ms(quantile(p.took, 0.5)),
			ms(quantile(p.took, 0.99)),
			ratio(p, programs[0]),
			p.name,
		)
	}
	table.Flush()
}

// ratio is the median, over all rounds, of how much longer p took than base in the same
// round.
func ratio(p, base *program) float64 {
	list := make([]float64, len(p.took))
	for i := range list {
		list[i] = float64(p.took[i]) / float64(base.took[i])
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func quantile(took []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// verdict compares a figure with its budget. A miss is told, not failed: the figures are
// those of this machine at this moment.
func verdict(what string, got, budget float64, atLeast bool) {
	word, relation := "met", "at most"
	if atLeast {
		relation = "at least"
	}
	if atLeast && got < budget || !atLeast && got > budget {
		word = "MISSED"
	}
	fmt.Printf("%s: %.2f (%s %g: %s)\n", what, got, relation, budget, word)
}

// together runs each program many times at once and tells how many failed.
func together(t *testing.T, programs []*program) {
	fmt.Printf("\n%d at once\n\n", parallel)
	for _, p := range programs {
		var wg sync.WaitGroup
		var mu sync.Mutex
		failed := 0
		begin := time.Now()
		for range parallel {
			wg.Go(func() {
				if _, err := p.run(); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed++
				}
			})
		}
		wg.Wait()
		fmt.Printf("%6.0f ms, %d failed   %s\n", ms(time.Since(begin)), failed, p.name)
		if failed > 0 && p == programs[0] {
			t.Errorf("%d of %d gets at once failed", failed, parallel)
		}
	}
}

// first tells how long the get takes that has to start zend.
func (h *home) first(get *program) {
	var cold []time.Duration
	for range 20 {
		h.stopZend()
		took, err := get.run()
		if err != nil {
			h.t.Fatal(err)
		}
		cold = append(cold, took)
	}
	warm := quantile(get.took, 0.5)
	fmt.Printf(
		"\nthe first get, which starts zend: %.1f ms, %.1f ms over the others\n",
		ms(quantile(cold, 0.5)),
		ms(quantile(cold, 0.5)-warm),
	)
}

// TestDaemon measures zend alone, as clients in this process see it.
func TestDaemon(t *testing.T) {
	h := newHome(t)
	helper := h.build("docker-credential-zen")
	h.build("zend")
	h.store(helper)
	pid := h.zend()
	wakeUps := h.wakeUps(pid)
	anonymous, file := h.resident(pid)
	fmt.Printf("\nzend, idle: %.1f MB resident (at most 10), %.1f MB of it its own and %.1f MB pages of "+
		"its program file\n",
		anonymous+file, anonymous, file)
	fmt.Printf("zend, idle: its threads were woken %d times in %v\n", wakeUps, idle)
	for _, clients := range []int{1, 4, 16, 64} {
		kept := h.rate(clients, (*client).kept)
		fresh := h.rate(clients, (*client).fresh)
		fmt.Printf("%2d clients: %6.0f gets/s on kept connections, %6.0f gets/s on new "+
			"ones\n", clients, kept, fresh)
	}
}
