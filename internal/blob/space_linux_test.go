package blob_test

import (
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestTheRoomInAFolderIsShown(t *testing.T) {
	t.Parallel()
	b, dir := open(t)
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(b.Space("files"))
	families, err := reg.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, family := range families {
		require.Equal(t, "files", family.GetMetric()[0].GetLabel()[0].GetValue())
		values[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue()
	}
	free, size := values["rohrpost_storage_free_bytes"], values["rohrpost_storage_size_bytes"]
	require.Positive(t, free)
	require.Greater(t, size, free)
	// A folder that is gone is no 0, which would say that it is full
	require.NoError(t, os.RemoveAll(dir))
	_, err = reg.Gather()
	require.ErrorContains(t, err, "no such file")
}
