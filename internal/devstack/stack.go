package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"rohrpost/internal/spawn"
)

const stackLock = "stack.lock"

var errClosed = errors.New("the stack is closed")

// Stack is a set of private servers under one folder. Its methods may be called from several goroutines.
type Stack struct {
	dir       string
	log       *slog.Logger
	temporary bool
	lock      *os.File
	spawner   *spawn.Thread

	mu        sync.Mutex // guards the fields below
	elsewhere string
	servers   []stopper
	counts    map[string]int
	closed    bool
}

type stopper interface {
	Stop(ctx context.Context) error
}

// Open takes the folder dir for this process, making it where it is missing, and starts nothing yet. An empty dir takes
// a temporary folder that Close removes. While another process holds dir the error names that process. The folders
// above dir are left as they are; where root's servers can't get through them, these are kept outside and it is logged.
func Open(dir string, log *slog.Logger) (*Stack, error) {
	if dir == "" {
		return openTemporary(os.TempDir(), log)
	}
	return open(&Stack{dir: dir, log: log})
}

// OpenInMemory is Open("") with a folder that is no load on the disk, where the machine has plenty of memory: for servers
// whose data is worth nothing, such as those of tests, which make and drop databases all the time.
func OpenInMemory(log *slog.Logger) (*Stack, error) {
	if dir := memoryDir(); dir != "" {
		return openTemporary(dir, log)
	}
	return openTemporary(os.TempDir(), log)
}

func openTemporary(in string, log *slog.Logger) (*Stack, error) {
	sweep(in)
	dir, err := os.MkdirTemp(in, temporary)
	if err != nil {
		return nil, fmt.Errorf("open stack: %w", err)
	}
	return open(&Stack{dir: dir, temporary: true, log: log})
}

func open(s *Stack) (_ *Stack, err error) {
	s.counts = map[string]int{}
	if s.dir, err = filepath.Abs(s.dir); err != nil {
		return nil, fmt.Errorf("open stack: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open stack: %w", err)
	}
	if os.Geteuid() == 0 {
		// The servers' users must pass through; they can't list it, and every file in it is private by its own mode.
		if err := os.Chmod(s.dir, 0o711); err != nil { //nolint:gosec // see above
			return nil, fmt.Errorf("open stack: %w", err)
		}
	}
	path := filepath.Join(s.dir, stackLock)
	if s.lock, err = lockFile(path); err != nil {
		holder, _ := os.ReadFile(path)
		return nil, fmt.Errorf("open stack %s (process %s): %w", s.dir, strings.TrimSpace(string(holder)), err)
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open stack: %w", err), s.lock.Close())
	}
	s.spawner = spawn.NewThread()
	return s, nil
}

// Dir is the folder of the stack.
func (s *Stack) Dir() string { return s.dir }

// Close stops every server, the last started first, and frees the folder; a temporary one is removed. Closing twice is
// fine. Afterwards no server of the stack can be started again.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	servers, elsewhere := s.servers, s.elsewhere
	s.mu.Unlock()
	var errs []error
	for i := len(servers) - 1; i >= 0; i-- {
		errs = append(errs, servers[i].Stop(context.Background()))
	}
	s.spawner.Stop()
	if s.temporary {
		errs = append(errs, os.RemoveAll(s.dir))
		if elsewhere != "" {
			errs = append(errs, os.RemoveAll(elsewhere))
		}
	}
	errs = append(errs, s.lock.Close())
	return errors.Join(errs...)
}

// add registers a server to be stopped by Close.
func (s *Stack) add(server stopper) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.servers = append(s.servers, server)
	return nil
}

// name gives the first server of a kind the kind's own name, so that the next run finds its data, and numbers the rest.
func (s *Stack) name(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[kind]++
	if n := s.counts[kind]; n > 1 {
		return kind + "-" + strconv.Itoa(n)
	}
	return kind
}
