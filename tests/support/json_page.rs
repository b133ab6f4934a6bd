//! `docs/json.md` as a table: which fields the JSON of each command has, and whether an output is as it says.

#![allow(dead_code, reason = "each binary of tests uses some of it")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// The page.
pub(crate) struct Page {
    sections: Vec<Section>,
    /// Commands that print no data.
    silent: BTreeSet<String>,
}

/// What some commands print.
pub(crate) struct Section {
    commands: Vec<String>,
    /// What the output is: `list`, `object` or `lines`.
    shape: String,
    /// Whether some of the commands print one object in place of a list.
    one: bool,
    fields: Vec<Field>,
}

/// A row of a table.
struct Field {
    /// As `a.b[].c`, below the rows of a list.
    path: String,
    kind: String,
    nullable: bool,
    optional: bool,
    whose: Whose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Official,
    ForPeople,
    Ours,
}

/// Fields that outputs had, and not only as null: the first command of a section, and the path.
pub(crate) type Seen = BTreeSet<(String, String)>;

impl Page {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
        Self::parse(&std::fs::read_to_string(path).unwrap())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let (tables, rest) = text
            .split_once("\n## Commands without data\n")
            .unwrap_or((text, ""));
        let sections = tables.split("\n### ").skip(1).map(Section::parse);
        Self {
            sections: sections.collect(),
            silent: code(rest).into_iter().collect(),
        }
    }

    /// Returns the commands that stand on the page, flags left out.
    pub(crate) fn commands(&self) -> BTreeSet<String> {
        let named = self.sections.iter().flat_map(|section| &section.commands);
        let words = named.map(|name| parts(name).0.join(" "));
        words.chain(self.silent.iter().cloned()).collect()
    }

    /// Returns the commands that print data, flags that change it included.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let named = self.sections.iter().flat_map(|section| &section.commands);
        named.cloned().collect()
    }

    /// Finds what a command line prints, which begins with the words of its command.
    pub(crate) fn section(&self, args: &[&str]) -> &Section {
        let fits = self.sections.iter();
        let fits = fits.filter_map(|section| Some((section.fit(args)?.0, section)));
        let found = fits.max_by_key(|(fit, _)| *fit);
        match (found, args) {
            (Some((_, section)), _) => section,
            // The same command stands at the top level.
            (None, ["agent" | "daemon", rest @ ..]) => self.section(rest),
            (None, _) => panic!("docs/json.md does not have {args:?}"),
        }
    }

    /// Returns the fields that no output had, or only as null, each behind the first command that has it.
    pub(crate) fn unseen(&self, seen: &Seen) -> BTreeSet<String> {
        let all = self.sections.iter().flat_map(|section| {
            let fields = section.fields.iter();
            fields.map(|field| (section.first().to_owned(), field.path.clone()))
        });
        let unseen = all.filter(|field| !seen.contains(field));
        unseen
            .map(|(name, path)| format!("{name}: {path}"))
            .collect()
    }
}

impl Section {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once('\n').unwrap();
        let intro = body.trim_start().lines().next().unwrap();
        let shape = match intro.split_whitespace().collect::<Vec<_>>()[..] {
            ["A", "list.", ..] => "list",
            ["An", "object:", ..] => "object",
            ["JSON", "Lines.", ..] => "lines",
            _ => panic!("`{intro}` says no shape, of {head}"),
        };
        let rows = body.lines().filter(|line| line.starts_with("| `"));
        Self {
            commands: code(head),
            shape: shape.to_owned(),
            one: intro.contains("one such object") || intro.contains("JSON Lines of"),
            fields: rows.map(Field::parse).collect(),
        }
    }

    fn first(&self) -> &str {
        &self.commands[0]
    }

    /// Returns how many words of a command line a name takes up, flags included, and the name; the longest.
    fn fit(&self, args: &[&str]) -> Option<(usize, &str)> {
        let fits = self.commands.iter().filter_map(|name| {
            let (words, flags) = parts(name);
            let fits = args.starts_with(&words) && flags.iter().all(|flag| args.contains(flag));
            fits.then_some((words.len() + flags.len(), name.as_str()))
        });
        fits.max()
    }

    /// Returns the name of a command line on the page.
    pub(crate) fn name_of(&self, args: &[&str]) -> &str {
        match (self.fit(args), args) {
            (Some((_, name)), _) => name,
            (None, [_, rest @ ..]) => self.name_of(rest),
            (None, []) => panic!("{:?} has no such name", self.commands),
        }
    }

    /// Compares an output; returns what is wrong with it, and notes the fields that it has.
    pub(crate) fn check(&self, output: &Value, seen: &mut Seen) -> Vec<String> {
        let mut check = Check {
            section: self,
            name: self.first().to_owned(),
            wrong: Vec::new(),
            seen,
        };
        match (output, self.shape.as_str()) {
            (Value::Array(rows), "list") => rows.iter().for_each(|row| check.object("", row)),
            (Value::Object(_), "object" | "lines") => check.object("", output),
            (Value::Object(_), "list") if self.one => check.object("", output),
            (_, shape) => check.wrong.push(format!("is no {shape}: {output}")),
        }
        check.wrong
    }

    /// Takes the fields out that the official CLI does not have.
    pub(crate) fn leave_out_ours(&self, output: &mut Value) {
        if let Value::Array(rows) = output {
            return rows.iter_mut().for_each(|row| self.leave_out("", row));
        }
        self.leave_out("", output);
    }

    fn leave_out(&self, above: &str, value: &mut Value) {
        let Value::Object(fields) = value else {
            return;
        };
        fields.retain(|key, _| {
            let field = self.field(&format!("{above}{key}"));
            field.is_none_or(|field| field.whose != Whose::Ours)
        });
        for (key, value) in fields {
            let path = format!("{above}{key}");
            match value {
                Value::Array(rows) => {
                    let below = format!("{path}[].");
                    rows.iter_mut().for_each(|row| self.leave_out(&below, row));
                }
                value => self.leave_out(&format!("{path}."), value),
            }
        }
    }

    fn field(&self, path: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.path == path)
    }
}

impl Field {
    fn parse(row: &str) -> Self {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [path, kind, whose, _] = cells[..] else {
            panic!("not four cells: {row}");
        };
        let (kind, optional) = match kind.strip_suffix(", or absent") {
            Some(kind) => (kind, true),
            None => (kind, false),
        };
        let (kind, nullable) = match kind.strip_suffix(" or null") {
            Some(kind) => (kind, true),
            None => (kind, kind == "any"),
        };
        Self {
            path: path.trim_matches('`').to_owned(),
            kind: kind.to_owned(),
            nullable,
            optional,
            whose: match whose {
                "official" => Whose::Official,
                "for people" => Whose::ForPeople,
                "ours" | "may change" => Whose::Ours,
                _ => panic!("`{whose}` is nobody: {row}"),
            },
        }
    }

    /// Whether a value is of the type that the page says.
    fn holds(&self, value: &Value) -> bool {
        if value.is_null() {
            return self.nullable;
        }
        match self.kind.as_str() {
            "any" => true,
            "string" => value.is_string(),
            "time" => value.as_str().is_some_and(is_time),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "object" => value.is_object(),
            "list of any" => value.is_array(),
            "list of string" => value
                .as_array()
                .is_some_and(|all| all.iter().all(Value::is_string)),
            "list of object" => value
                .as_array()
                .is_some_and(|all| all.iter().all(Value::is_object)),
            other => panic!("docs/json.md has an unknown type: {other}"),
        }
    }
}

struct Check<'a> {
    section: &'a Section,
    name: String,
    wrong: Vec<String>,
    seen: &'a mut Seen,
}

impl Check<'_> {
    /// Compares an object whose fields stand on the page behind `above`.
    fn object(&mut self, above: &str, value: &Value) {
        let Value::Object(fields) = value else {
            return self.wrong.push(format!("{above} is no object: {value}"));
        };
        for (key, value) in fields {
            self.value(&format!("{above}{key}"), value);
        }
        for field in &self.section.fields {
            let own = field.path.strip_prefix(above);
            let own = own.filter(|own| !own.contains(['.', '[']));
            if own.is_some_and(|own| !fields.contains_key(own)) && !field.optional {
                self.wrong.push(format!("{} is missing", field.path));
            }
        }
    }

    fn value(&mut self, path: &str, value: &Value) {
        let Some(field) = self.section.field(path) else {
            return self
                .wrong
                .push(format!("{path} is not on the page: {value}"));
        };
        // A null says nothing of the type.
        if !value.is_null() {
            self.seen.insert((self.name.clone(), path.to_owned()));
        }
        if !field.holds(value) {
            self.wrong
                .push(format!("{path} is no {}: {value}", field.kind));
        }
        if field.whose != Whose::ForPeople && field.kind != "any" && is_for_people(value) {
            self.wrong
                .push(format!("{path} is written for people: {value}"));
        }
        let has = |below: &str| {
            let mut fields = self.section.fields.iter();
            fields.any(|field| field.path.starts_with(below))
        };
        let (inside, each) = (format!("{path}."), format!("{path}[]."));
        match value {
            Value::Object(_) if has(&inside) => self.object(&inside, value),
            Value::Array(rows) if has(&each) => rows.iter().for_each(|row| self.object(&each, row)),
            _ => {}
        }
    }
}

/// Words for people that stand for nothing or for a time.
fn is_for_people(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "-" || text == "just now" || text.ends_with(" ago"),
        Value::Array(all) => all.iter().any(is_for_people),
        _ => false,
    }
}

/// RFC 3339, UTC.
fn is_time(text: &str) -> bool {
    text.ends_with('Z') && text.contains('T') && text.parse::<jiff::Timestamp>().is_ok()
}

/// The words in code.
fn code(text: &str) -> Vec<String> {
    let words = text.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// The words of a command, and the flags that a name on the page has.
fn parts(name: &str) -> (Vec<&str>, Vec<&str>) {
    name.split(' ').partition(|word| !word.starts_with('-'))
}
