package backup

import (
	"errors"
	"fmt"

	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

// The finer codes of this package.
var (
	// NotConfigured is the code of asking for backups where there are none.
	NotConfigured = fault.Register("backup_not_configured", fault.Class{Status: 503, Title: "Backups not configured"})
	// NotProved is the code of a backup that could be written, and not be restored as it was. Another attempt writes it
	// anew.
	NotProved = fault.Register("backup_not_proved", fault.Class{Status: 500, Title: "Backup not proved", Retryable: true})
	// Damaged is the code of a backup that is not in its storage any more as it was written.
	Damaged = fault.Register("backup_damaged", fault.Class{Status: 500, Title: "Backup damaged"})
	// NoPrograms is the code of a machine without PostgreSQL's programs in the right version.
	NoPrograms = fault.Register("backup_programs_missing", fault.Class{Status: 500, Title: "PostgreSQL's programs missing"})
)

func notConfigured() error {
	return fault.New(NotConfigured, "Backups are not configured: set BACKUP_URL and BACKUP_RECIPIENTS.")
}

// stored tells what became of writing to the storage; a full one by its name.
func stored(err error, doing string) error {
	if err == nil {
		return nil
	}
	var source *blob.ReadError
	if errors.As(err, &source) {
		return source.Err
	}
	if fault.CodeOf(err) == blob.Full {
		return fault.Wrap(fmt.Errorf("%s: %w", doing, err), blob.Full, "The storage of the backups is full.")
	}
	if fault.CodeOf(err) == fault.Unavailable {
		return fault.Wrap(fmt.Errorf("%s: %w", doing, err), fault.Unavailable, "The storage of the backups does not answer.")
	}
	return fmt.Errorf("%s: %w", doing, err)
}
