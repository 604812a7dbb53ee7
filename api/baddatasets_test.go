package api_test

import "github.com/google/uuid"

func badDatasets(ada *user) []bad {
	unknown := uuid.Must(uuid.NewV7()).String()
	dataset, query := "/api/ai/datasets/"+unknown, "/api/ai/queries/"+unknown
	rate := func(body string) request { return send(query+"/rating", body).by(ada).via("PUT") }
	consent := func(body string) request { return send("/api/me/training-consent", body).by(ada).via("PUT") }
	ask := func(more string) request {
		return send("/api/ai/datasets", `{"format":"chat","scope":"mine"`+more+`}`).by(ada)
	}
	return []bad{
		{"malformed dataset", get("/api/ai/datasets/17").by(ada), 400, "invalid", "id"},
		{"unknown dataset", get(dataset).by(ada), 404, "not_found", ""},
		{"file of it", get(dataset + "/files/train.jsonl").by(ada), 404, "not_found", ""},
		{"delete the dataset", get(dataset).via("DELETE").by(ada), 404, "not_found", ""},
		{"limit of datasets", get("/api/ai/datasets?limit=0").by(ada), 400, "invalid", "limit"},
		{"cursor of datasets", get("/api/ai/datasets?before=x").by(ada), 400, "invalid", "before"},
		{"no login for datasets", get("/api/ai/datasets"), 401, "unauthorized", ""},

		{"no format", send("/api/ai/datasets", `{"scope":"mine"}`).by(ada), 400, "invalid", "format"},
		{"unknown format", send("/api/ai/datasets", `{"format":"csv","scope":"mine"}`).by(ada), 400, "invalid", "format"},
		{"no scope", send("/api/ai/datasets", `{"format":"chat"}`).by(ada), 400, "invalid", "scope"},
		{"everyone's, by no admin", send("/api/ai/datasets", `{"format":"chat","scope":"everyone"}`).by(ada), 403, "forbidden", "admins"},
		{"everyone's as they are", send("/api/ai/datasets", `{"format":"chat","scope":"everyone","redact":false}`).by(ada), 400,
			"invalid", "redaction"},
		{"from no time", ask(`,"from":"yesterday"`), 400, "invalid", `"from"`},
		{"to no time", ask(`,"to":"2026-02-30T00:00:00Z"`), 400, "invalid", `"to"`},
		{"to before from", ask(`,"from":"2026-02-01T00:00:00Z","to":"2026-01-01T00:00:00Z"`), 400, "invalid", "from"},
		{"no list of models", ask(`,"models":"tiny"`), 400, "invalid", `"models" has to be a list`},
		{"empty model", ask(`,"models":[""]`), 400, "invalid", "model"},
		{"model with NUL", ask(`,"models":["a\u0000"]`), 400, "invalid", "model"},
		{"rating too good", ask(`,"min_rating":2`), 400, "invalid", "min_rating"},
		{"half a rating", ask(`,"min_rating":0.5`), 400, "invalid", `"min_rating"`},
		{"redact in words", ask(`,"redact":"no"`), 400, "invalid", `"redact"`},
		{"more than half", ask(`,"validation_share":0.6`), 400, "invalid", "validation_share"},
		{"less than nothing", ask(`,"validation_share":-0.1`), 400, "invalid", "validation_share"},
		{"seed in words", ask(`,"seed":"x"`), 400, "invalid", `"seed"`},
		{"seed too large", ask(`,"seed":9223372036854775808`), 400, "invalid", `"seed"`},
		{"unknown wish", ask(`,"room":"x"`), 400, "invalid", `"room"`},
		{"key of a dataset", ask("").with("Idempotency-Key", "a b"), 400, "invalid", "Idempotency-Key"},

		{"malformed query", get("/api/ai/queries/17").by(ada), 400, "invalid", "job_id"},
		{"unknown query", get(query).by(ada), 404, "not_found", ""},
		{"rate it", rate(`{"rating":1}`), 404, "not_found", ""},
		{"rate it nothing", rate(`{}`), 400, "invalid", "rating"},
		{"rate it too well", rate(`{"rating":5}`), 400, "invalid", "rating"},
		{"rate it in words", rate(`{"rating":"good"}`), 400, "invalid", `"rating"`},
		{"consent to nothing", consent(`{}`), 400, "invalid", "given"},
		{"consent in words", consent(`{"given":"yes"}`), 400, "invalid", `"given"`},
		{"no login for consent", get("/api/me/training-consent"), 401, "unauthorized", ""},
	}
}
