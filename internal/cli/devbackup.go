package cli

import (
	"path/filepath"

	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
	"rohrpost/internal/config"
)

// withBackups has backups go into the private stack's folder, where BACKUP_URL names no other place, for a key that lies
// there, too, where BACKUP_RECIPIENTS names no other.
func withBackups(env config.Env, folder string, tour *tour) (config.Env, error) {
	if env["BACKUP_URL"] == "" {
		url, err := blob.FileURL(filepath.Join(folder, "backups"))
		if err != nil {
			return nil, err
		}
		env = env.With("BACKUP_URL", url)
	}
	if env["BACKUP_RECIPIENTS"] == "" {
		key := filepath.Join(folder, "backup-key.txt")
		recipient, err := backup.EnsureKey(key)
		if err != nil {
			return nil, err
		}
		env = env.With("BACKUP_RECIPIENTS", recipient)
		tour.Notes = append(tour.Notes, "Backups: each night to "+env["BACKUP_URL"]+", for the key in\n"+key+
			". Elsewhere, that key would not lie beside the data.")
	}
	return env, nil
}
