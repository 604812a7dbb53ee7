package tuningtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// upload takes a form with the fields purpose and file, in this order and nothing else.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) *APIError {
	if r.ContentLength <= 0 {
		return refuse("no Content-Length")
	}
	form, err := r.MultipartReader()
	if err != nil {
		return refuse("no form: %v", err)
	}
	purpose, err := form.NextPart()
	if err != nil || purpose.FormName() != "purpose" || purpose.FileName() != "" {
		return refuse("the first field is not purpose")
	}
	if value, err := io.ReadAll(purpose); err != nil || string(value) != "fine-tune" {
		return refuse("the purpose is %q", value)
	}
	file, err := form.NextPart()
	if err != nil || file.FormName() != "file" || !strings.HasSuffix(file.FileName(), ".jsonl") {
		return refuse("the second field is not a file with a name in .jsonl")
	}
	if media := file.Header.Get("Content-Type"); media != "application/octet-stream" {
		return refuse("the file is sent as %q", media)
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return &APIError{Status: http.StatusBadRequest, Message: "cut off: " + err.Error(), fair: true}
	}
	if _, err := form.NextPart(); err != io.EOF {
		return refuse("a third field, or no end: %v", err)
	}
	if n, err := lines(content); err != nil {
		return refuse("%v", err)
	} else if n == 0 {
		return refuse("an empty file")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &File{ID: s.newID("file"), Name: file.FileName(), Content: string(content), At: time.Now().Unix()}
	s.files = append(s.files, f)
	answer(w, http.StatusOK, f.shown())
	return nil
}

// lines checks training data line by line and counts the examples.
func lines(content []byte) (int, error) {
	if len(content) > 0 && content[len(content)-1] != '\n' {
		return 0, fmt.Errorf("the last line has no end")
	}
	n := 0
	for line := range bytes.Lines(content) {
		n++
		var example struct {
			Messages []struct {
				Role    string  `json:"role"`
				Content *string `json:"content"`
				Name    string  `json:"name"`
				Weight  *int    `json:"weight"`
			} `json:"messages"`
		}
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&example); err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		if len(example.Messages) == 0 {
			return 0, fmt.Errorf("line %d has no messages", n)
		}
		for _, m := range example.Messages {
			if !slices.Contains([]string{"system", "user", "assistant"}, m.Role) || m.Content == nil {
				return 0, fmt.Errorf("line %d: a message of %q without content, or of nobody", n, m.Role)
			}
		}
		if example.Messages[len(example.Messages)-1].Role != "assistant" {
			return 0, fmt.Errorf("line %d: the last message is not the assistant's", n)
		}
	}
	return n, nil
}

func (f *File) shown() any {
	return map[string]any{
		"id": f.ID, "object": "file", "bytes": len(f.Content), "created_at": f.At, "filename": f.Name,
		"purpose": "fine-tune", "status": "processed",
	}
}

func (s *Server) listFiles(w http.ResponseWriter, r *http.Request) *APIError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if purpose := r.URL.Query().Get("purpose"); purpose != "" && purpose != "fine-tune" {
		return refuse("purpose %q", purpose)
	}
	var there []*File
	for _, f := range s.files {
		if !f.Deleted {
			there = append(there, f)
		}
	}
	switch order := r.URL.Query().Get("order"); order {
	case "desc", "":
		slices.Reverse(there)
	case "asc":
	default:
		return refuse("order %q", order)
	}
	body, err := page(s, r, there, func(f *File) string { return f.ID }, (*File).shown, "limit", "after", "order", "purpose")
	if err == nil {
		answer(w, http.StatusOK, body)
	}
	return err
}

func (s *Server) deleteFile(w http.ResponseWriter, r *http.Request) *APIError {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.file(r.PathValue("id"))
	if f == nil {
		return missing("file")
	}
	f.Deleted = true
	answer(w, http.StatusOK, map[string]any{"id": f.ID, "object": "file", "deleted": true})
	return nil
}

func (s *Server) file(id string) *File {
	for _, f := range s.files {
		if f.ID == id && !f.Deleted {
			return f
		}
	}
	return nil
}
