package blob

import "github.com/prometheus/client_golang/prometheus"

// space shows how much room a storage has, as it is at the scrape.
type space struct {
	bucket     *Bucket
	free, size *prometheus.Desc
}

// Space shows the room in a storage that is a folder, under the given name. All processes that use it show the same. Of
// other storages nothing is known.
func (b *Bucket) Space(storage string) prometheus.Collector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("rohrpost_storage_"+name, help, nil, prometheus.Labels{"storage": storage})
	}
	return &space{
		bucket: b,
		free:   desc("free_bytes", "What the file system of a storage still takes; 0 if it takes no more files."),
		size:   desc("size_bytes", "What it takes in all, what others keep there included."),
	}
}

// Describe implements prometheus.Collector.
func (s *space) Describe(ch chan<- *prometheus.Desc) {
	ch <- s.free
	ch <- s.size
}

// Collect implements prometheus.Collector.
func (s *space) Collect(ch chan<- prometheus.Metric) {
	if s.bucket.folder == "" {
		return
	}
	free, size, err := room(s.bucket.folder)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(s.free, err)
		return
	}
	if size == 0 {
		return // this system doesn't tell
	}
	ch <- prometheus.MustNewConstMetric(s.free, prometheus.GaugeValue, float64(free))
	ch <- prometheus.MustNewConstMetric(s.size, prometheus.GaugeValue, float64(size))
}
