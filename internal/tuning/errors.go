package tuning

import (
	"rohrpost/internal/fault"
)

var (
	// NotConfigured is the code of tuning at an installation that has no service for it.
	NotConfigured = fault.Register("tuning_not_configured", fault.Class{Status: 503, Title: "No tuning service"})
	// Failed is the code of a tuning that the service gave up.
	Failed = fault.Register("tuning_failed", fault.Class{Status: 502, Title: "Tuning failed at the service"})
	// Overdue is the code of a tuning that took longer than it may.
	Overdue = fault.Register("tuning_overdue", fault.Class{Status: 504, Title: "Tuning took too long"})
	// NotFit is the code of a dataset that no model can be tuned with.
	NotFit = fault.Register("dataset_not_fit", fault.Class{Status: 422, Title: "Dataset not fit for tuning"})
	// Exists is the code of a model whose name is taken.
	Exists = fault.Register("model_exists", fault.Class{Status: 409, Title: "Model exists"})
)

func notConfigured() error {
	return fault.New(NotConfigured, "No tuning service is configured: set TUNING_URL, and TUNING_API_KEY.")
}
