package backup

import (
	"context"
	"errors"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/google/uuid"

	"rohrpost/internal/fault"
)

// Latest is the newest backup, for [Vault.Find].
const Latest = "latest"

// Vault is a storage of backups, without the database that they are of.
type Vault struct {
	store *store
	cfg   Config
}

// OpenVault opens the storage that cfg names. Close it.
func OpenVault(ctx context.Context, cfg Config) (*Vault, error) {
	s, err := openStore(ctx, cfg.URL)
	if err != nil {
		return nil, err
	}
	return &Vault{s, cfg}, nil
}

// Close ends the use of the storage.
func (v *Vault) Close() error { return v.store.bucket.Close() }

// List returns the backups in the storage that were proved, the newest first. strange tells of those that can't be read.
func (v *Vault) List(ctx context.Context) (list []Summary, strange error, err error) {
	found, err := v.store.folders(ctx)
	if err != nil {
		return nil, nil, err
	}
	for id, items := range found {
		if !hasSummary(id, items) {
			continue
		}
		sum, err := v.store.summary(ctx, id)
		switch code := fault.CodeOf(err); {
		case err == nil:
			list = append(list, sum)
		case code == Damaged, code == fault.Invalid:
			strange = errors.Join(strange, err)
		default:
			return nil, nil, err
		}
	}
	slices.SortFunc(list, func(a, b Summary) int { return b.TakenAt.Compare(a.TakenAt) })
	return list, strange, nil
}

// Find returns a backup by its id, or the [Latest]. Errors: invalid, not_found, backup_damaged.
func (v *Vault) Find(ctx context.Context, id string) (Summary, error) {
	if id == Latest {
		list, strange, err := v.List(ctx)
		if err != nil {
			return Summary{}, err
		}
		if len(list) == 0 {
			return Summary{}, errors.Join(fault.New(fault.NotFound, "There is no backup in the storage."), strange)
		}
		return list[0], nil
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return Summary{}, fault.New(fault.Invalid, "%q is not the id of a backup; --list shows those that there are.", id)
	}
	sum, err := v.store.summary(ctx, parsed)
	if fault.CodeOf(err) == fault.NotFound {
		return sum, fault.New(fault.NotFound, "There is no backup %s in the storage, or it was never proved.", parsed)
	}
	return sum, err
}

// whichKey tells, where a key is none of those that a backup is encrypted for, which these are.
func whichKey(err error, file string, sum Summary) error {
	var wrong *age.NoIdentityMatchError
	if !errors.As(err, &wrong) {
		return err
	}
	return fault.Wrap(err, fault.Invalid, "No key in %s opens backup %s: it is encrypted for %s.", file, sum.ID,
		strings.Join(sum.Recipients, ", "))
}
