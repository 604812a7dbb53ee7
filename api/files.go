package api

import (
	"encoding/hex"
	"fmt"
	"net/url"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"rohrpost/api/edge"
	"rohrpost/internal/files"
)

// ListFiles returns a page of the user's files.
func (s *Server) ListFiles(c *fiber.Ctx, params ListFilesParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	found, err := s.files.List(c.UserContext(), edge.Who(c).UserID, before, int32(size)+1)
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	found, next := cut(found, size, func(f files.File) uuid.UUID { return f.ID })
	page := FilePage{Items: make([]File, len(found)), Next: next}
	for i, file := range found {
		page.Items[i] = shownFile(file)
	}
	return c.JSON(page)
}

// GetFile returns a file of the user.
func (s *Server) GetFile(c *fiber.Ctx, id ID) error {
	file, err := s.files.Get(c.UserContext(), edge.Who(c).UserID, id)
	if err != nil {
		return fmt.Errorf("get file: %w", err)
	}
	return c.JSON(shownFile(file))
}

// DeleteFile deletes a file of the user.
func (s *Server) DeleteFile(c *fiber.Ctx, id ID) error {
	if err := s.files.Delete(c.UserContext(), edge.Who(c).UserID, id); err != nil {
		return fmt.Errorf("delete file: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func shownFile(f files.File) File {
	out := File{
		ID: f.ID, Name: f.Name, Size: f.Size, MediaType: f.MediaType, Sha256: hex.EncodeToString(f.SHA256), Status: f.Status,
		Verdict: f.Verdict, Signature: f.Signature, Reason: f.Reason, ThumbnailStatus: f.ThumbnailStatus,
		ThumbnailReason: f.ThumbnailReason, Thumbnails: make([]Thumbnail, len(f.Thumbnails)), JobID: f.JobID,
		CreatedAt: f.CreatedAt.UTC(), ScannedAt: inUTC(f.ScannedAt), ReleasedAt: inUTC(f.ReleasedAt),
	}
	if f.Status == "clean" {
		content := fileURL(f.ID) + "/content"
		out.ContentURL = &content
	}
	for i, t := range f.Thumbnails {
		out.Thumbnails[i] = Thumbnail{
			Name: t.Name, Width: t.Width, Height: t.Height, Size: t.Size, MediaType: t.MediaType,
			URL: fileURL(f.ID) + "/thumbnails/" + url.PathEscape(t.Name),
		}
	}
	return out
}

func fileURL(id uuid.UUID) string { return "/api/files/" + id.String() }
