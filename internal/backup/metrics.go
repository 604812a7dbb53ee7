package backup

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// proved shows how old the newest proved backup is, asked of PostgreSQL at each scrape. All processes would show the same:
// take the minimum.
type proved struct {
	service *Service
	desc    *prometheus.Desc
}

// Space shows the room in the storage of the backups; nil where there are none.
func (s *Service) Space() prometheus.Collector {
	if s.store == nil {
		return nil
	}
	return s.store.bucket.Space("backups")
}

// RegisterGauges shows the age of the newest proved backup. The schedulers do it.
func (s *Service) RegisterGauges(reg prometheus.Registerer) {
	reg.MustRegister(&proved{s, prometheus.NewDesc("rohrpost_backup_verified_age_seconds",
		"Age of what the newest proved backup holds; not there before the first one.", nil, nil)})
}

// Describe implements prometheus.Collector.
func (a *proved) Describe(ch chan<- *prometheus.Desc) { ch <- a.desc }

// Collect implements prometheus.Collector. While PostgreSQL is away it is an error, which the scrape tells.
func (a *proved) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	newest, err := a.service.queries.NewestBackup(ctx, a.service.Pool)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && newest.TakenAt == nil:
	case err != nil:
		ch <- prometheus.NewInvalidMetric(a.desc, err)
	default:
		ch <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, time.Since(*newest.TakenAt).Seconds())
	}
}
