package reports

func (q Questions) less(part Questions) Questions {
	q.Queries -= part.Queries
	q.Answered -= part.Answered
	q.Cancelled -= part.Cancelled
	q.Failed -= part.Failed
	q.PromptTokens -= part.PromptTokens
	q.CompletionTokens -= part.CompletionTokens
	return q
}

func (a Amounts) less(part Amounts) Amounts {
	a.Jobs -= part.Jobs
	a.Files -= part.Files
	a.Bytes -= part.Bytes
	a.Queries -= part.Queries
	a.PromptTokens -= part.PromptTokens
	a.CompletionTokens -= part.CompletionTokens
	return a
}

func (a Amounts) plus(b Amounts) Amounts {
	a.Jobs += b.Jobs
	a.Files += b.Files
	a.Bytes += b.Bytes
	a.Queries += b.Queries
	a.PromptTokens += b.PromptTokens
	a.CompletionTokens += b.CompletionTokens
	return a
}

func (a DayAmounts) plus(b DayAmounts) DayAmounts {
	a.Succeeded += b.Succeeded
	a.Failed += b.Failed
	a.Cancelled += b.Cancelled
	a.Files += b.Files
	a.Bytes += b.Bytes
	a.Queries += b.Queries
	a.PromptTokens += b.PromptTokens
	a.CompletionTokens += b.CompletionTokens
	return a
}
