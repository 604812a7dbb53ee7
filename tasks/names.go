package tasks

// Names returns the names of all kinds, for whoever follows every job.
func Names() []string {
	return []string{
		Scan.Name, Thumbnail.Name, Purge.Name, NoticeAdmins.Name, Infer.Name, SendMail.Name, Sweep.Name,
	}
}
