package tasks

// Names returns the names of all kinds, for whoever follows every job.
func Names() []string {
	return []string{
		Scan.Name, Thumbnail.Name, Purge.Name, NoticeAdmins.Name, Infer.Name, SendMail.Name, Sweep.Name,
		RetryDead.Name, DiscardDead.Name, Export.Name, PurgeDataset.Name, BackupRun.Name, BackupVerify.Name,
		BackupPrune.Name, BuildReport.Name, AnnounceReport.Name, WeeklyReports.Name, Rescan.Name, Release.Name,
		NoticeOwner.Name, Tune.Name, EndTuning.Name, MakeModel.Name, DeleteModel.Name,
	}
}
