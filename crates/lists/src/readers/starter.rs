//! The lists that ship: one small file a category, written by hand, compiled in. A name a line; each covers what is below.
//!
//! They make a new gate useful before its first download and give every category a harmless test host
//! (`CATEGORY.schoolgate.test`). They are no replacement for kept lists.

use super::domains;
use crate::list::ReadList;
use model::Category;
use policy::image::Reach;

macro_rules! file {
    ($slug:literal) => {
        ($slug, include_str!(concat!("../../starter/", $slug, ".txt")))
    };
}

pub(super) const FILES: &[(&str, &str)] = &[
    file!("illegal"),
    file!("pornography"),
    file!("adult-content"),
    file!("gambling"),
    file!("dating"),
    file!("alcohol-tobacco"),
    file!("drugs"),
    file!("self-harm-suicide"),
    file!("eating-disorders"),
    file!("abuse-exploitation"),
    file!("bullying"),
    file!("violence"),
    file!("weapons"),
    file!("hate-discrimination"),
    file!("misogyny"),
    file!("extremism"),
    file!("misinformation"),
    file!("piracy"),
    file!("malware"),
    file!("phishing-scams"),
    file!("hacking"),
    file!("vpn-proxy"),
    file!("encrypted-dns"),
    file!("remote-access"),
    file!("url-shorteners"),
    file!("translation-archive"),
    file!("unsafe-search"),
    file!("search-engines"),
    file!("generative-ai"),
    file!("social-media"),
    file!("chat-messaging"),
    file!("forums"),
    file!("web-mail"),
    file!("video-streaming"),
    file!("music-audio"),
    file!("games"),
    file!("shopping"),
    file!("advertising-tracking"),
    file!("file-sharing"),
    file!("cryptocurrency"),
    file!("news"),
    file!("education"),
    file!("reference"),
    file!("health-support"),
    file!("government"),
    file!("software-updates"),
    file!("banking"),
];

pub(super) fn read(list: &mut ReadList) {
    read_where(|_| true, list);
}

/// Reads the file of illegal content alone.
pub(super) fn read_illegal(list: &mut ReadList) {
    read_where(|category| category == Category::ILLEGAL, list);
}

fn read_where(wanted: impl Fn(Category) -> bool, list: &mut ReadList) {
    for (slug, text) in FILES {
        let Some(category) = Category::parse(slug).filter(|category| wanted(*category)) else { continue };
        domains::read(text.as_bytes(), Reach::Subtree, category, list);
    }
}
