// Package backup makes backups of the database and of all content, proves each by restoring it, keeps as many as the
// settings say, and restores them.
//
//	             Run                                                      Verify
//	queued ─▶ running ─▶ verifying ─▶ succeeded ◀──────────────────────────────▶ damaged
//	   ▲         │           │            └───────────────┬─────────────────────────┘
//	   └─ rerun ─┴─ failed ◀─┘                            └─▶ deleted (Prune, Delete)
//
// The storage of the backups holds, beside a marker of the installation that they belong to:
//
//	backups/<id>/summary.json          what there is to know of a backup without its key; it comes last
//	backups/<id>/<epoch>-database.age  pg_dump's custom format
//	backups/<id>/<epoch>-manifest.age  the schema, the rows of each table, and which content lies where
//	backups/<id>/<epoch>-parts.gz      hash and size of each part that the backup consists of
//	blobs/<xx>/<sha256>-<tag>.age      content, named by its hash; shared by all backups that need it
//
// Parts are encrypted for the operators' age keys, of which the server knows only the public halves. A part is written
// once, under a name of its own attempt, and never changed. To prove a backup without the operators' key, each run makes
// one more key that never leaves the worker's memory: what lies in the storage is read back, decrypted by it, and
// restored into a scratch database.
//
// A restored database doesn't know the backups that were made after it was dumped. They are found in the storage by
// their summaries and go back on record before anything is deleted.
package backup
