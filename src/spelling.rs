//! The word that was meant, where a word is not known.

/// Returns the candidate that is most like a word, if any is like it at all: one letter in four may be wrong, and one
/// more; two that changed places are one. Upper and lower case are the same.
pub fn closest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distance = |candidate: &&str| strsim::damerau_levenshtein(&word, &candidate.to_lowercase());
    let best = candidates.iter().min_by_key(|c| distance(c))?;
    let shortest = best.chars().count().min(word.chars().count());
    // A single letter is like no other one.
    let allowed = if shortest > 1 { 1 + shortest / 4 } else { 0 };
    (distance(best) <= allowed).then_some(*best)
}

/// Finds that of a few which has this text form; `Err` is the one that was meant, if one can be guessed.
pub fn one_of<T: Copy>(text: &str, all: &[T], form: fn(T) -> &'static str) -> Result<T, Option<T>> {
    let of = |word: &str| all.iter().copied().find(|one| form(*one) == word);
    let forms: Vec<&str> = all.iter().map(|one| form(*one)).collect();
    of(text).ok_or_else(|| closest(text, &forms).and_then(of))
}

/// Adds a suggestion to a sentence.
pub fn did_you_mean(sentence: impl Into<String>, suggestion: Option<&str>) -> String {
    let sentence = sentence.into();
    match suggestion {
        Some(word) => format!("{sentence}; did you mean `{word}`?"),
        None => sentence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_is_close() {
        assert_eq!(closest("wrok", &["work", "lab"]), Some("work"));
        assert_eq!(closest("Work", &["work", "lab"]), Some("work"));
        assert_eq!(closest("jsn", &["table", "json"]), Some("json"));
        assert_eq!(closest("office", &["work", "lab"]), None);
        assert_eq!(closest("x", &["y"]), None);
        assert_eq!(closest("X", &["x"]), Some("x"));
        assert_eq!(closest("", &["x"]), None);
        assert_eq!(closest("x", &[]), None);
    }

    #[test]
    fn finds_one_or_says_which_was_meant() {
        let form = |one: bool| if one { "first" } else { "newest" };
        assert_eq!(one_of("first", &[true, false], form), Ok(true));
        assert_eq!(one_of("frist", &[true, false], form), Err(Some(true)));
        assert_eq!(one_of("other", &[true, false], form), Err(None));
    }
}
