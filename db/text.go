package db

// Text is a column's text, "" where it is NULL.
func Text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
