package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func files() board {
	return board{
		name: "files", title: "Files",
		about: "Uploads, virus scans, thumbnails, and the room for them.",
		rows: []row{
			{"Uploads", []panel{
				{
					title: "Uploads", unit: units.OpsPerSecond,
					help:    "Stored ones. None while users upload: see the answers of POST /api/files on the Overview.",
					queries: []query{{`sum(rate(rohrpost_files_uploads_total[$__rate_interval]))`, "uploads"}},
				},
				{
					title: "Bytes", unit: units.BytesPerSecondIEC,
					help:    "What comes in. The disk has to take it, and clamd to read it.",
					queries: []query{{`sum(rate(rohrpost_files_upload_bytes_total[$__rate_interval]))`, "bytes"}},
				},
				{
					title: "Waiting scans and thumbnails", unit: units.Short, runbook: "QueueWaits",
					help: "Jobs of the queue files. If they only grow: more workers for it, or clamd is the bottleneck (its " +
						"threads, CLAMD_PARALLEL).",
					queries: []query{{`max by (state) (rohrpost_queue_jobs{queue="files"})`, "{{state}}"}},
				},
			}},
			{"Scans", []panel{
				{
					title: "Verdicts", unit: units.OpsPerSecond, stacked: true, runbook: "ScannerDown",
					help: "error: the scanner could not be asked; files stay closed and are looked at again. infected ones are " +
						"in quarantine, see `rohrpost admin quarantine list`.",
					queries: []query{{`sum by (verdict) (rate(rohrpost_files_verdicts_total[$__rate_interval]))`, "{{verdict}}"}},
				},
				{
					title: "Time of a scan", unit: units.Seconds,
					help:    "Longer with larger files and archives. All of a sudden: clamd loads new signatures, or its machine is short of memory.",
					queries: quantiles("rohrpost_files_scan_duration_seconds", ""),
				},
				{
					title: "The scanner's answer to a probe", unit: units.Seconds, runbook: "ScannerDown",
					help:    "2 s and it counts as away.",
					queries: []query{{`max by (job) (rohrpost_dependency_response_seconds{dependency="clamd"})`, "{{job}}"}},
				},
			}},
			{"Thumbnails and storage", []panel{
				{
					title: "Time of a file's thumbnails", unit: units.Seconds,
					help:    "All sizes of one file, waiting for memory included. It rises when many large images come at once.",
					queries: quantiles("rohrpost_files_thumbnail_duration_seconds", ""),
				},
				{
					title: "Free room", unit: units.BytesIEC, runbook: "StorageFills",
					help:    "Of the file systems that content and backups lie on. At 0 uploads are refused with 507.",
					queries: []query{{`min by (storage) (rohrpost_storage_free_bytes)`, "{{storage}}"}},
				},
				{
					title: "Storage in use", unit: units.PercentUnit, most: 1, runbook: "StorageFills",
					help:    "Everything on these file systems, by whomever.",
					queries: []query{{`1 - min by (storage) (rohrpost_storage_free_bytes / rohrpost_storage_size_bytes)`, "{{storage}}"}},
				},
			}},
		},
	}
}
