package main

import (
	"bytes"
	"encoding/json"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

const (
	width        = 24 // columns of Grafana's grid
	graphHeight  = 8
	numberHeight = 4
	tag          = "rohrpost"
	// runbooks is where the page is that links of panels lead to: whoever publishes the documentation changes this
	// variable of the dashboard.
	runbooks = "docs/runbooks.md"
)

// source is whichever Prometheus the reader picks.
var source = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// draw is the dashboard as Grafana reads it.
func (b board) draw() ([]byte, error) {
	// The second version of the format, which the library prefers, is read by the newest Grafanas only.
	d := dashboard.NewDashboardBuilder("Rohrpost / " + b.title) //nolint:staticcheck // see above
	d.Uid("rohrpost-"+b.name).Description(b.about).Tags([]string{tag}).
		Readonly().Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time("now-3h", "now").Refresh("30s").Timezone("browser").
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
		WithVariable(dashboard.NewConstantVariableBuilder("runbooks").Value(dashboard.StringOrMap{String: cog.ToPtr(runbooks)})).
		Link(dashboard.NewDashboardLinkBuilder("Rohrpost").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{tag}).AsDropdown(true).KeepTime(true))
	id := uint32(0)
	for _, r := range b.rows {
		d.WithRow(dashboard.NewRowBuilder(r.title))
		for _, p := range r.panels {
			id++
			d.WithPanel(p.draw(id, uint32(width/len(r.panels))))
		}
	}
	made, err := d.Build()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // PromQL has < and > in it
	if err := encoder.Encode(made); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (p panel) draw(id, columns uint32) cog.Builder[dashboard.Panel] {
	if p.number {
		return p.drawNumber(id, columns)
	}
	g := timeseries.NewPanelBuilder().Id(id).Title(p.title).Description(p.help).Unit(p.unit).Links(p.links()).
		Datasource(source).Targets(p.targets()).Height(graphHeight).Span(columns).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Min(0).FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementBottom).ShowLegend(true).Calcs([]string{"lastNotNull", "max"}))
	if p.stacked {
		g.Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal)).FillOpacity(40)
	}
	if p.most > 0 {
		g.Max(p.most)
	}
	return g
}

func (p panel) drawNumber(id, columns uint32) cog.Builder[dashboard.Panel] {
	return stat.NewPanelBuilder().Id(id).Title(p.title).Description(p.help).Unit(p.unit).Links(p.links()).
		Datasource(source).Targets(p.targets()).Height(numberHeight).Span(columns).
		ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeArea).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Thresholds(p.thresholds())
}

func (p panel) targets() []cog.Builder[variants.Dataquery] {
	var targets []cog.Builder[variants.Dataquery]
	for i, q := range p.queries {
		t := prometheus.NewDataqueryBuilder().Datasource(source).RefId(string(rune('A' + i))).
			Expr(q.expr).LegendFormat(q.legend).Range()
		if !p.number {
			t.Exemplar(true) // a dot for a request that has a trace
		}
		targets = append(targets, t)
	}
	return targets
}

func (p panel) links() []cog.Builder[dashboard.DashboardLink] {
	if p.runbook == "" {
		return nil
	}
	return []cog.Builder[dashboard.DashboardLink]{
		dashboard.NewDashboardLinkBuilder("Runbook: " + p.runbook).Type(dashboard.DashboardLinkTypeLink).
			Url("${runbooks}#" + anchor(p.runbook)).TargetBlank(true),
	}
}

func (p panel) thresholds() cog.Builder[dashboard.ThresholdsConfig] {
	const green, red = "green", "red"
	steps := []dashboard.Threshold{{Color: green}}
	switch {
	case p.redFrom != 0:
		steps = append(steps, dashboard.Threshold{Value: &p.redFrom, Color: red})
	case p.redBelow != 0:
		steps = []dashboard.Threshold{{Color: red}, {Value: &p.redBelow, Color: green}}
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)
}
