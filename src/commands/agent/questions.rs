//! The questions of an agent, asked one after the other: each answer is a choice, or any text.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::commands::permission::one_line;
use crate::protocol::agents::PermissionRequest;

/// Questions, and the answers so far.
#[derive(Debug)]
pub(super) struct Questions {
    questions: Vec<Question>,
    answers: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    #[serde(default)]
    question: String,
    /// Names the answer; the question itself does without it.
    #[serde(default)]
    header: Option<String>,
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    multi_select: bool,
    #[serde(default)]
    placeholder: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    label: String,
    #[serde(default)]
    description: Option<String>,
}

impl Questions {
    /// Reads the questions of a request; `None` when it has none that can be asked.
    pub(super) fn of(request: &PermissionRequest) -> Option<Self> {
        let questions = request.input.as_ref()?.get("questions")?.clone();
        let questions: Vec<Question> = serde_json::from_value(questions).ok()?;
        (!questions.is_empty()).then(|| Self {
            questions,
            answers: Map::new(),
        })
    }

    /// Returns the next question; `None` when all are answered.
    pub(super) fn next(&self) -> Option<String> {
        let question = self.questions.get(self.answers.len())?;
        let mut text = format!("  {}\n", one_line(&question.question));
        for (at, choice) in question.options.iter().enumerate() {
            text += &format!("    {}) {}", at + 1, one_line(&choice.label));
            if let Some(description) = &choice.description {
                text += &format!("  ({})", one_line(description));
            }
            text.push('\n');
        }
        let how = match (question.options.is_empty(), question.multi_select) {
            (true, _) => question.placeholder.as_deref().unwrap_or("your answer"),
            (false, false) => "a number, or your answer",
            (false, true) => "numbers such as 1,3, or your answer",
        };
        let how = one_line(how);
        text += &format!("  [{how}; /deny refuses]\n");
        Some(text)
    }

    /// Takes a line as the answer to the next question. A blank one is none, nor is a number of no choice.
    pub(super) fn answer(&mut self, line: &str) {
        let Some(question) = self.questions.get(self.answers.len()) else {
            return;
        };
        let Some(answer) = question.answer(line.trim()) else {
            return;
        };
        let mut key = question
            .header
            .clone()
            .unwrap_or_else(|| question.question.clone());
        // Two of one name would leave one unanswered.
        while self.answers.contains_key(&key) {
            key.push('_');
        }
        self.answers.insert(key, Value::String(answer));
    }

    /// Returns the answers in the form that agents expect, once there are all.
    pub(super) fn answers(&self) -> Option<Value> {
        (self.answers.len() == self.questions.len()).then(|| json!({ "answers": self.answers }))
    }
}

impl Question {
    fn answer(&self, line: &str) -> Option<String> {
        if line.is_empty() {
            return None;
        }
        let numbers: Result<Vec<usize>, _> = line.split(',').map(|n| n.trim().parse()).collect();
        let Some(numbers) = numbers.ok().filter(|_| !self.options.is_empty()) else {
            return Some(line.to_owned());
        };
        if numbers.len() > 1 && !self.multi_select {
            return None;
        }
        let label = |number: usize| Some(self.options.get(number.checked_sub(1)?)?.label.as_str());
        let labels: Option<Vec<&str>> = numbers.into_iter().map(label).collect();
        Some(labels?.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(questions: Value) -> Questions {
        let request = json!({ "id": "1", "provider": "p", "name": "n", "kind": "question",
            "input": { "questions": questions } });
        Questions::of(&serde_json::from_value(request).unwrap()).unwrap()
    }

    #[test]
    fn choices_texts_and_several_at_once() {
        let mut form = questions(json!([
            {"question": "Which?", "header": "surface", "options": [{"label": "App"}, {"label": "Desktop"}]},
            {"question": "And?", "header": "more", "multiSelect": true,
             "options": [{"label": "A"}, {"label": "B"}, {"label": "C"}]},
            {"question": "Why?", "placeholder": "Say why", "options": []},
        ]));
        assert!(form.next().unwrap().contains("2) Desktop"));
        for line in ["", "  ", "0", "3", "1,2"] {
            form.answer(line);
            assert!(form.next().unwrap().contains("Which?"), "{line:?}");
        }
        form.answer("2\n");
        form.answer("1, 3");
        assert!(form.next().unwrap().contains("[Say why; "));
        assert_eq!(form.answers(), None);
        form.answer(" 7 ");
        assert_eq!(form.next(), None);
        let expected = json!({"answers": {"surface": "Desktop", "more": "A, C", "Why?": "7"}});
        assert_eq!(form.answers(), Some(expected));
    }

    #[test]
    fn no_line_of_an_agent_looks_like_ours() {
        let form = questions(json!([
            {"question": "Q\n  command: ls", "options": [{"label": "A\n  x", "description": "d\n  y"}]},
        ]));
        let lines = form.next().unwrap();
        assert_eq!(lines.lines().count(), 3, "{lines}");
    }

    #[test]
    fn a_text_of_ones_own_is_an_answer_too() {
        let mut form = questions(json!([{"question": "Q", "options": [{"label": "A"}]}]));
        form.answer("neither");
        assert_eq!(form.answers(), Some(json!({"answers": {"Q": "neither"}})));
    }
}
