package reports

func userSection(u UserNumbers) section {
	p := plot{id: "tokens-by-user", title: "AI tokens by user", series: tokenSeries, show: grouped,
		desc: "Bars: tokens by user, in prompts and in answers."}
	var rows [][]string
	row := func(name string, a Amounts) {
		rows = append(rows, []string{name, n(a.Jobs), n(a.Files), b(a.Bytes), n(a.Queries), n(a.PromptTokens),
			n(a.CompletionTokens)})
	}
	var rest Amounts
	if u.Others != nil {
		rest = *u.Others
	}
	for i, one := range u.Listed {
		if i >= mostRows {
			rest = rest.plus(one.Amounts)
			continue
		}
		row(one.User.label(), one.Amounts)
		if one.PromptTokens+one.CompletionTokens > 0 {
			p.items = append(p.items, item{one.User.label(), values(one.PromptTokens, one.CompletionTokens)})
		}
	}
	if rest != (Amounts{}) {
		row("others", rest)
	}
	head := append([]string{"User", "jobs", "files", "bytes", "queries"}, tokenSeries...)
	f := newFigure(p, plot.rows, head, rows)
	for i := range f.Tables {
		f.Tables[i].Caption = "Use by user"
	}
	return section{Title: "Users", Intro: "Who used most tokens comes first.", Figures: []figure{f}}
}
