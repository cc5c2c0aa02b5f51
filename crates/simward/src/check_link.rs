//! `simward check-link`: whether a link looks like a protected domain and is none of it. Offline.

use operator::link::{PROTECTED, Verdict, judge_link};

/// Look whether a link passes for a bank's, an operator's or another protected domain; nothing is asked of any network.
///
/// Exit code 1 if it does. A link that looks like nothing known may be bad all the same.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The link, or a host name.
    link: String,
    /// Protect this domain too; may be given more than once.
    #[arg(long, value_name = "DOMAIN")]
    protect: Vec<String>,
    /// Protect only what --protect names.
    #[arg(long, requires = "protect")]
    only: bool,
}

/// Why a link could not be called good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// It passes for somebody else's.
    #[error("do not open it")]
    LooksLike,
    /// It is none.
    #[error("{0} is no link: {1}")]
    NoLink(String, String),
}

/// Looks.
pub(crate) fn run(args: &Args) -> Result<(), LinkError> {
    let default = if args.only { &[][..] } else { &PROTECTED[..] };
    let default = default.iter().map(ToString::to_string);
    let own = args.protect.iter().map(|domain| domain.trim_start_matches("www.").to_lowercase());
    let protected: Vec<String> = default.chain(own).collect();
    let (host, verdict) = judge_link(args.link.trim(), &protected)
        .map_err(|why| LinkError::NoLink(args.link.clone(), why.to_string()))?;
    match verdict {
        Verdict::Own(domain) => println!("{host}: this is {domain}"),
        Verdict::Unlike => println!("{host}: looks like none of {} protected domains", protected.len()),
        Verdict::LooksLike { domain, how } => {
            println!("{host}: passes for {domain}: {how}");
            return Err(LinkError::LooksLike);
        }
    }
    Ok(())
}
