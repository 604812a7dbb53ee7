-- What a database consists of, a line for each thing: its kind and name, a tab, and its definition. To be asked with an
-- empty search_path, so that names are written out in full.
WITH place AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), ours AS (
    SELECT c.*, p.nspname FROM pg_class c JOIN place p ON p.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), thing AS (
    SELECT format('schema %I', nspname) AS name, '' AS definition FROM place
    UNION ALL
    SELECT format('extension %I', extname), extversion FROM pg_extension
    UNION ALL
    SELECT format('relation %I.%I', nspname, relname), relkind::text || relpersistence::text FROM ours
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT format('column %I.%I.%I', o.nspname, o.relname, a.attname),
        concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
            pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''),
            (SELECT collname FROM pg_collation WHERE pg_collation.oid = a.attcollation AND collname <> 'default'))
    FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    UNION ALL
    SELECT format('constraint %I.%I %I', o.nspname, o.relname, k.conname), pg_get_constraintdef(k.oid)
    FROM ours o JOIN pg_constraint k ON k.conrelid = o.oid WHERE k.contype <> 'n'
    UNION ALL
    SELECT format('index %I.%I', o.nspname, o.relname), pg_get_indexdef(o.oid) FROM ours o WHERE o.relkind IN ('i', 'I')
    UNION ALL
    SELECT format('view %I.%I', o.nspname, o.relname), pg_get_viewdef(o.oid) FROM ours o WHERE o.relkind IN ('v', 'm')
    UNION ALL
    SELECT format('sequence %I.%I', o.nspname, o.relname),
        concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
    FROM ours o JOIN pg_sequence s ON s.seqrelid = o.oid
    UNION ALL
    SELECT format('trigger %I.%I %I', o.nspname, o.relname, t.tgname), pg_get_triggerdef(t.oid)
    FROM ours o JOIN pg_trigger t ON t.tgrelid = o.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT format('function %I.%I(%s)', p.nspname, f.proname, pg_get_function_identity_arguments(f.oid)),
        CASE WHEN f.prokind IN ('f', 'p') THEN md5(pg_get_functiondef(f.oid)) ELSE f.prokind::text END
    FROM pg_proc f JOIN place p ON p.oid = f.pronamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('type %I.%I', p.nspname, t.typname),
        concat_ws(' ', t.typtype, CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
            (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
    FROM pg_type t JOIN place p ON p.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'e')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
)
SELECT line FROM (SELECT name || E'\t' || definition AS line FROM thing) l ORDER BY line COLLATE "C"
