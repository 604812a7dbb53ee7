-- What was going on when the backup was taken is not going on any more. Part of the transaction that restores.

DELETE FROM public.workers;

-- Jobs at the backups themselves: the one that took this one would begin anew.
UPDATE public.jobs
SET state = 'cancelled', error_code = 'cancelled', error_message = 'The database was restored to a moment while this job was unfinished.',
    finished_at = now(), parked = false, epoch = epoch + 1000
WHERE kind LIKE 'backup:%' AND state IN ('queued', 'running');
-- Those that are in the storage are found there; others never came to be.
DELETE FROM public.backups WHERE state IN ('queued', 'running', 'verifying');

-- All other jobs start again at once, where a running one would wait for the reaper and count a crash. A Redis that was
-- in use may remember higher epochs of them, and refuse lower ones.
UPDATE public.jobs
SET state = 'queued', attempt = greatest(attempt - 1, 0), worker_id = NULL, dispatched_at = NULL, epoch = epoch + 1000
WHERE state = 'running';
UPDATE public.jobs
SET dispatched_at = NULL, parked = false, epoch = epoch + 1000
WHERE state = 'queued' AND (dispatched_at IS NOT NULL OR parked);

-- Content that came after the backup has no record now. It gets the whole time of grace, to be looked at.
DELETE FROM public.orphaned_blobs;
