//! The categories a list puts a host in, and small sets of them.

/// A category: an index into the fixed catalogue below. Lists and policies name it by its slug.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Category(u8);

/// What the catalogue says of a category: slug, title for adults, and the words for a child (never the harmful ones).
struct Facts {
    slug: &'static str,
    title: &'static str,
    child_words: &'static str,
    offers_help: bool,
}

const fn row(slug: &'static str, title: &'static str, child_words: &'static str) -> Facts {
    Facts { slug, title, child_words, offers_help: false }
}

const fn help(slug: &'static str, title: &'static str) -> Facts {
    Facts { slug, title, child_words: "something that can hurt or upset people", offers_help: true }
}

/// The catalogue. Order is free to change: files keep slugs, never indices.
const CATALOGUE: &[Facts] = &[
    row("illegal", "Illegal content", "something that is against the law"),
    row("pornography", "Pornography", "something that is only for adults"),
    row("adult-content", "Adult content and nudity", "something that is only for adults"),
    row("gambling", "Gambling", "betting games for adults"),
    row("dating", "Dating", "something that is only for adults"),
    row("alcohol-tobacco", "Alcohol, tobacco and vaping", "something that is only for adults"),
    help("drugs", "Drugs and substance abuse"),
    help("self-harm-suicide", "Self-harm and suicide"),
    help("eating-disorders", "Eating disorders"),
    help("abuse-exploitation", "Abuse and exploitation"),
    help("bullying", "Bullying"),
    row("violence", "Violence", "something violent"),
    row("weapons", "Weapons", "weapons"),
    row("hate-discrimination", "Hate speech and discrimination", "unkind words about people"),
    row("misogyny", "Violence against women and girls, misogyny", "unkind words about people"),
    row("extremism", "Extremism and radicalisation", "something that can hurt people"),
    row("misinformation", "Misinformation and conspiracy", "things that are not true"),
    row("piracy", "Piracy and copyright theft", "things taken without asking"),
    row("malware", "Malware", "something that can harm computers"),
    row("phishing-scams", "Phishing and scams", "something that tricks people"),
    row("hacking", "Hacking", "something that can harm computers"),
    row("vpn-proxy", "VPNs, proxies and anonymisers", "ways round the school's filter"),
    row("encrypted-dns", "Encrypted DNS services", "ways round the school's filter"),
    row("remote-access", "Remote access", "tools that control other computers"),
    row("url-shorteners", "Link shorteners", "links that hide where they go"),
    row("translation-archive", "Translation and archive copies", "copies of other pages"),
    row("unsafe-search", "Search without a safe mode", "a search that is not made safe"),
    row("search-engines", "Search engines", "search"),
    row("generative-ai", "Generative AI", "computer programs that write and draw"),
    row("social-media", "Social media", "websites for chatting with people"),
    row("chat-messaging", "Chat and messaging", "websites for chatting with people"),
    row("forums", "Forums", "websites for chatting with people"),
    row("web-mail", "Web mail", "mail"),
    row("video-streaming", "Video streaming", "videos"),
    row("music-audio", "Music and audio", "music"),
    row("games", "Games", "games"),
    row("shopping", "Shopping", "shops"),
    row("advertising-tracking", "Advertising and tracking", "adverts"),
    row("file-sharing", "File sharing", "sharing files"),
    row("cryptocurrency", "Cryptocurrency", "money games for adults"),
    row("news", "News", "news"),
    row("education", "Education", "learning"),
    row("reference", "Reference", "learning"),
    row("health-support", "Health and support services", "help"),
    row("government", "Government and public services", "public services"),
    row("software-updates", "Software updates", "updates"),
    row("banking", "Banking", "banks"),
];

impl Category {
    /// Illegal content: decided before everything else, by nobody's setting.
    pub const ILLEGAL: Category = Category(0);

    /// Every category of the catalogue.
    pub fn all() -> impl ExactSizeIterator<Item = Category> {
        (0..CATALOGUE.len()).map(|index| Category(u8::try_from(index).unwrap_or(0)))
    }

    /// Reads a slug, such as `self-harm-suicide`.
    pub fn parse(slug: &str) -> Option<Self> {
        Self::all().find(|category| category.facts().slug == slug)
    }

    /// The name in policies, lists and history.
    pub fn slug(self) -> &'static str {
        self.facts().slug
    }

    /// The name on adults' screens.
    pub fn title(self) -> &'static str {
        self.facts().title
    }

    /// The words for a child: general enough that they never repeat the harm.
    pub fn child_words(self) -> &'static str {
        self.facts().child_words
    }

    /// True where a block page shows help lines and the school's own people first.
    pub fn offers_help(self) -> bool {
        self.facts().offers_help
    }

    /// Its place in this program's catalogue, for tables in memory; files keep slugs.
    pub fn index(self) -> u8 {
        self.0
    }

    #[expect(clippy::indexing_slicing, reason = "the index was made from the catalogue")]
    fn facts(self) -> &'static Facts {
        &CATALOGUE[usize::from(self.0)]
    }
}

/// A set of categories. The catalogue holds fewer than 64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CategorySet(u64);

const _: () = assert!(CATALOGUE.len() <= 64, "CategorySet holds 64 categories");

impl CategorySet {
    /// The set of nothing.
    pub const EMPTY: CategorySet = CategorySet(0);

    /// This set and `category`.
    #[must_use]
    pub fn with(self, category: Category) -> Self {
        Self(self.0 | 1 << category.0)
    }

    /// What is in either set.
    #[must_use]
    pub fn union(self, other: CategorySet) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(self, other: CategorySet) -> Self {
        Self(self.0 & other.0)
    }

    /// True when `category` is in the set.
    pub fn contains(self, category: Category) -> bool {
        self.0 & (1 << category.0) != 0
    }

    /// True when nothing is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The categories of the set, in catalogue order.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let lowest = u8::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
            left &= left - 1;
            Some(Category(lowest))
        })
    }
}

impl FromIterator<Category> for CategorySet {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        categories.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slug_reads_back_to_its_own_category() {
        for category in Category::all() {
            assert_eq!(Category::parse(category.slug()), Some(category));
        }
        assert_eq!(Category::ILLEGAL.slug(), "illegal");
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let gambling = Category::parse("gambling").unwrap();
        let set: CategorySet = [Category::ILLEGAL, gambling].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Category::ILLEGAL, gambling]);
        assert!(set.intersection(CategorySet::EMPTY.with(gambling)).contains(gambling));
    }
}
