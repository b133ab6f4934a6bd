//! The choices of a request, and how far each goes.

use serde_json::Value;
use unicode_width::UnicodeWidthChar;

use crate::protocol::agents::{PermissionAction, PermissionRequest};
use crate::protocol::permissions::PermissionAnswer;

/// The kind of requests whose answer is data.
pub(super) const QUESTION: &str = "question";

/// Words of choices after which the agent asks for nothing at all, as [`plain`] has them.
const EVERYTHING: [&str; 10] = [
    "bypass",
    "danger",
    "yolo",
    "all permissions",
    "full access",
    "fullaccess",
    "full auto",
    "fullauto",
    "skip permission",
    "unrestricted",
];
/// Words of choices that hold for more than this request.
const LASTING: [&str; 10] = [
    "always",
    "never",
    "session",
    "auto",
    "acceptedits",
    "accept edits",
    "n't ask",
    "not ask",
    "dont ask",
    "remember",
];
/// How the labels of choices begin that allow.
const ALLOWING: [&str; 5] = ["allow", "yes", "approve", "accept", "implement"];
/// … that deny.
const DENYING: [&str; 6] = ["deny", "no", "reject", "dismiss", "cancel", "don't"];

/// What an answer reaches, narrow to broad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// This request.
    Once,
    /// Later ones as well.
    Lasting,
    /// Whatever comes.
    Everything,
}

/// One of the answers that a request offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Choice {
    /// What the answer names; nothing where the daemon offers no choices of its own.
    pub(in crate::commands) id: Option<String>,
    /// Whether the agent goes on.
    pub(in crate::commands) allows: bool,
    label: String,
    reach: Reach,
}

impl Choice {
    /// Returns the choices of a request. Questions have none: their answer is data.
    pub(super) fn of(request: &PermissionRequest) -> Vec<Self> {
        if request.kind == QUESTION {
            return Vec::new();
        }
        let actions = request.actions.as_deref().unwrap_or_default();
        if actions.is_empty() {
            return [("Allow", true), ("Deny", false)]
                .map(|(label, allows)| Self {
                    id: None,
                    allows,
                    label: label.to_owned(),
                    reach: match allows && lets_edit(request) {
                        true => Reach::Lasting,
                        false => Reach::Once,
                    },
                })
                .into();
        }
        let choice = |action: &PermissionAction| Self {
            id: Some(action.id.clone()),
            allows: action.behavior == "allow",
            label: action.label.clone(),
            reach: reach(request, action),
        };
        actions.iter().map(choice).collect()
    }

    /// Returns whether it holds for this request only.
    pub(in crate::commands) fn is_once(&self) -> bool {
        self.reach == Reach::Once
    }

    /// Returns the answer that makes it.
    pub(in crate::commands) fn answer(&self) -> PermissionAnswer {
        let selected_action_id = self.id.clone();
        match self.allows {
            true => PermissionAnswer::Allow {
                selected_action_id,
                updated_input: None,
                updated_permissions: None,
            },
            false => PermissionAnswer::Deny {
                selected_action_id,
                message: None,
                interrupt: None,
            },
        }
    }

    /// Returns its text for people. What it does is added where the label, which the agent may have chosen, does not
    /// begin with it; how far it goes always, because a label can say that in words that sound like less.
    pub(in crate::commands) fn text(&self) -> String {
        let label = plain(&self.label);
        let (sides, side): (&[&str], _) = match self.allows {
            true => (&ALLOWING, "allows"),
            false => (&DENYING, "denies"),
        };
        let begins = |word: &&str| {
            let rest = label.strip_prefix(word);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        };
        let mut text = match sides.iter().any(begins) {
            true => self.label.clone(),
            false => format!("[{side}] {}", self.label),
        };
        text.push_str(match self.reach {
            Reach::Once => "",
            Reach::Lasting => " (holds for later requests too)",
            Reach::Everything => " (nothing is asked any more)",
        });
        text
    }
}

/// Returns the narrowest choice that allows, or that denies; of several, the first.
pub(in crate::commands) fn narrowest(choices: &[Choice], allows: bool) -> Option<&Choice> {
    let fitting = choices.iter().filter(|choice| choice.allows == allows);
    fitting.min_by_key(|choice| choice.reach)
}

/// Returns a text in the one spelling in which words are looked for: small letters, plain apostrophes, one space for
/// whatever else stands between words, and nothing that is not seen.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            // Full-width letters are the plain ones, further up.
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '’' | '‘' | 'ʼ' | '′' | '`' | '´' => '\'',
            other => other,
        };
        match c {
            '\'' => plain.push(c),
            c if c.is_alphanumeric() => plain.extend(c.to_lowercase()),
            c if c != '\t' && c != '\n' && c.width().unwrap_or(0) == 0 => {}
            _ if plain.ends_with(' ') => {}
            _ => plain.push(' '),
        }
    }
    plain.trim().to_owned()
}

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Returns whether allowing lets the agent edit files without asking: official daemons put Claude into that mode when
/// its plan is allowed, whatever the choice is called.
fn lets_edit(request: &PermissionRequest) -> bool {
    request.kind == "plan" && request.provider == "claude"
}

fn reach(request: &PermissionRequest, action: &PermissionAction) -> Reach {
    let text = plain(&format!("{} {}", action.id, action.label));
    let resumes = action.other.get("intent").and_then(Value::as_str) == Some("implement_resume");
    let options = request.other.get("metadata").map(|it| &it["options"]);
    let option = options.and_then(Value::as_array).and_then(|options| {
        let mut options = options.iter();
        options.find(|option| option["optionId"] == *action.id)
    });
    // As the agent protocol has it: `allow_once`, `allow_always` and the same of `reject`.
    let kind = option.and_then(|option| option["kind"].as_str());
    let allows = action.behavior == "allow";
    if allows && (resumes || has(&text, &EVERYTHING)) {
        return Reach::Everything;
    }
    let lasting = kind.is_some_and(|kind| kind.ends_with("_always"))
        || has(&text, &LASTING)
        || (allows && lets_edit(request));
    match lasting {
        true => Reach::Lasting,
        false => Reach::Once,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn choices(provider: &str, kind: &str, actions: Value, metadata: Value) -> Vec<Choice> {
        let request = json!({ "id": "r", "provider": provider, "name": "n", "kind": kind,
            "actions": actions, "metadata": metadata });
        Choice::of(&serde_json::from_value(request).unwrap())
    }

    fn narrow(choices: &[Choice], allows: bool) -> Option<&str> {
        narrowest(choices, allows)?.id.as_deref()
    }

    #[test]
    fn the_narrowest_is_not_the_first() {
        let options = json!([
            {"optionId": "acceptEdits", "name": "Yes, and auto-accept edits", "kind": "allow_always"},
            {"optionId": "default", "name": "Yes, and manually approve edits", "kind": "allow_once"},
            {"optionId": "plan", "name": "No, keep planning", "kind": "reject_once"},
        ]);
        let actions = json!([
            {"id": "acceptEdits", "label": "Yes, and auto-accept edits", "behavior": "allow"},
            {"id": "default", "label": "Yes, and manually approve edits", "behavior": "allow"},
            {"id": "plan", "label": "No, keep planning", "behavior": "deny"},
        ]);
        let found = choices("acp", "mode", actions, json!({ "options": options }));
        assert_eq!(narrow(&found, true), Some("default"));
        assert_eq!(narrow(&found, false), Some("plan"));
        assert!(found[1].is_once() && !found[0].is_once());
    }

    #[test]
    fn a_plan_of_claude_is_never_allowed_once() {
        let actions = json!([
            {"id": "reject", "label": "Reject", "behavior": "deny", "intent": "dismiss"},
            {"id": "implement", "label": "Implement", "behavior": "allow", "intent": "implement"},
            {"id": "implement_resume", "label": "Implement with Bypass", "behavior": "allow",
             "intent": "implement_resume"},
        ]);
        let found = choices("claude", "plan", actions.clone(), Value::Null);
        assert_eq!(narrow(&found, true), Some("implement"));
        assert!(!found[1].is_once() && found[1].text().contains("later requests"));
        assert!(!choices("claude", "plan", json!([]), Value::Null)[0].is_once());
        // Others only go on with what they planned.
        assert!(choices("codex", "plan", actions, Value::Null)[1].is_once());
    }

    #[test]
    fn how_far_a_choice_goes_is_always_said() {
        for (id, label, mark) in [
            ("a", "Allow full access", "nothing is asked"),
            ("a", "Allow Full-Access", "nothing is asked"),
            ("a", "Allow full\u{a0}access", "nothing is asked"),
            ("full_access", "Yes", "nothing is asked"),
            ("a", "Yes, ｆｕｌｌ ａｃｃｅｓｓ", "nothing is asked"),
            ("a", "Yes, by\u{200b}pass", "nothing is asked"),
            ("a", "Bypass nothing", "nothing is asked"),
            ("a", "Yes, don't ask again", "later requests"),
            ("a", "Yes, don’t ask again", "later requests"),
            ("a", "Yes, DON＇T ASK again", "later requests"),
            ("a", "Yes, always", "later requests"),
        ] {
            let actions = json!([{"id": id, "label": label, "behavior": "allow"}]);
            let found = choices("acp", "tool", actions, Value::Null);
            assert!(
                found[0].text().contains(mark),
                "{label}: {}",
                found[0].text()
            );
            assert!(!found[0].is_once(), "{label}");
        }
        // A word that only begins like one.
        let actions = json!([{"id": "a", "label": "Now run it", "behavior": "deny"}]);
        let found = choices("acp", "tool", actions, Value::Null);
        assert_eq!(found[0].text(), "[denies] Now run it");
    }

    #[test]
    fn a_label_cannot_say_the_opposite() {
        let actions = json!([
            {"id": "a", "label": "Reject", "behavior": "allow"},
            {"id": "b", "label": "Allow once", "behavior": "deny"},
            {"id": "c", "label": "Allow", "behavior": "allow"},
            {"id": "d", "label": "Allow for this session", "behavior": "allow"},
        ]);
        let found = choices("acp", "tool", actions, Value::Null);
        let texts: Vec<_> = found.iter().map(Choice::text).collect();
        assert_eq!(
            texts,
            [
                "[allows] Reject",
                "[denies] Allow once",
                "Allow",
                "Allow for this session (holds for later requests too)"
            ]
        );
        assert_eq!(narrow(&found, true), Some("a"));
    }
}
