// Package reports tells what was used in a period: jobs, files, storage and models, as a document that people read (HTML)
// and as data (CSV, JSON).
//
//	Request ─▶ building ──▶ built ─────────▶ ready      a file of it is scanned ─▶ clean
//	               ▲  │       its files are         └▶ failed                   └▶ anything else
//	               │  └─▶ failed                                                    (rerunning its scan is the way out)
//	               └─ a rerun ┘
//
// A report has a record, which its owner sees, and its documents are files of its owner like any upload: received,
// recorded and scanned, closed until they are clean. They are written to the storage under keys of each attempt's own
// before the transaction that records them and ends the job. So a report has all of its files or none, and never a
// second set; a worker that is killed in between leaves content that no record names, which the sweep of orphaned
// blobs removes. Whether a report is ready follows from its files. When they are all clean, its owner is told.
//
// Its numbers come from one snapshot of the database. Jobs and files that were deleted meanwhile, by a sweep or by their
// owners, are counted, too: triggers keep a row of numbers of each in the transaction that deletes it, so that it is in
// one place or the other at any time, however late it ends. A daily sum would be smaller, and could tell neither
// percentiles nor the days of another time zone.
//
// Charts are drawn by this package, as SVG through html/template. The libraries that are kept well write colours and
// fonts into style attributes, which a strict content security policy forbids, and which neither a dark screen nor paper
// can change; and they name nothing for those who can't see.
package reports
