package mail

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	texttemplate "text/template"
	"time"

	"github.com/google/uuid"
)

//go:embed templates
var templates embed.FS

// The templates. Their names are stored with each mail and don't change.
const (
	VerifyAddress   = "verify_address"
	PasswordReset   = "password_reset"
	PasswordChanged = "password_changed"
	FileQuarantined = "file_quarantined"
	JobDead         = "job_dead"
	BackupFailed    = "backup_failed"
	ReportReady     = "report_ready"
)

// FileNotice is the data of [FileQuarantined].
type FileNotice struct {
	FileID    uuid.UUID `json:"file_id"`
	Name      string    `json:"name"`
	Signature string    `json:"signature"`
}

// JobNotice is the data of [JobDead].
type JobNotice struct {
	JobID   uuid.UUID `json:"job_id"`
	Kind    string    `json:"kind"`
	Code    string    `json:"code"`
	Message string    `json:"message"`
}

// BackupNotice is the data of [BackupFailed].
type BackupNotice struct {
	JobID   uuid.UUID `json:"job_id"`
	Message string    `json:"message"`
}

// kind is what there is to know about a template.
type kind struct {
	data func() any // a pointer to what the mail's data is read into; nil where there is none
	// path of the page that the link leads to; the token's life. Neither where the mail has no link of its own.
	path string
	life time.Duration
	// At least spacing lies between two mails to the same recipient about the same, and there are at most daily in a day.
	spacing time.Duration
	daily   int64
	// named greets by name. Not so where the address may be a stranger's: whoever types it in could have us send them any
	// words for a name.
	named bool
	// admins: only to those who are admins still.
	admins bool
}

var kinds = map[string]kind{
	VerifyAddress:   {path: "/verify", life: 24 * time.Hour, spacing: time.Minute, daily: 10},
	PasswordReset:   {path: "/reset", life: time.Hour, spacing: time.Minute, daily: 10},
	PasswordChanged: {named: true},
	FileQuarantined: {data: func() any { return new(FileNotice) }, named: true, admins: true},
	JobDead:         {data: func() any { return new(JobNotice) }, spacing: time.Hour, daily: 24, named: true, admins: true},
	BackupFailed:    {data: func() any { return new(BackupNotice) }, named: true, admins: true},
	ReportReady:     {data: func() any { return new(ReportNotice) }, named: true},
}

// view is what a template sees.
type view struct {
	Name     string // "" where nobody is greeted by name
	Site     string // the address of the web app
	Link     string // with the token
	Token    string
	ValidFor string
	Data     any
}

// rendered is a mail's text.
type rendered struct {
	subject, text, html string
}

var functions = map[string]any{"line": oneLine}

// forms is one template, parsed.
type forms struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

// parse reads all templates; each is a pair of files, of which the text one defines the subject as well.
func parse() (map[string]forms, error) {
	all := map[string]forms{}
	for name := range kinds {
		text, err := texttemplate.New(name+".txt").Funcs(functions).Option("missingkey=error").
			ParseFS(templates, "templates/"+name+".txt")
		if err != nil {
			return nil, fmt.Errorf("mail template: %w", err)
		}
		html, err := htmltemplate.New("layout.html").Funcs(functions).Option("missingkey=error").
			ParseFS(templates, "templates/layout.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("mail template: %w", err)
		}
		all[name] = forms{text: text, html: html}
	}
	return all, nil
}

func (f forms) render(v view) (rendered, error) {
	var subject, text, html bytes.Buffer
	if err := f.text.ExecuteTemplate(&subject, "subject", v); err != nil {
		return rendered{}, fmt.Errorf("mail subject: %w", err)
	}
	if err := f.text.Execute(&text, v); err != nil {
		return rendered{}, fmt.Errorf("mail text: %w", err)
	}
	if err := f.html.Execute(&html, v); err != nil {
		return rendered{}, fmt.Errorf("mail html: %w", err)
	}
	return rendered{subject: oneLine(subject.String()), text: text.String(), html: html.String()}, nil
}
