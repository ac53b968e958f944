//! From a method and a path to a row of the route table.

use http::{HeaderValue, Method};
use matchit::Params;
use nexo_core::model::ErrorCode;

use crate::failure::{Failure, Outcome};
use crate::respond::{self, Reply};
use crate::routes::Route;

/// The routes by path.
#[derive(Debug)]
pub(crate) struct Router {
    paths: matchit::Router<Path>,
    /// What the routes are called, by their numbers.
    names: Vec<(Method, String)>,
}

/// What stands at one path.
#[derive(Debug)]
struct Path {
    routes: Vec<Route>,
    allow: HeaderValue,
}

/// Two rows of the route table that could answer the same request.
#[derive(Debug, thiserror::Error)]
#[error("the routes {one} and {other} are ambiguous")]
pub struct AmbiguousRoutes {
    one: String,
    other: String,
}

impl Router {
    /// Indexes the table.
    pub(crate) fn new(table: Vec<Route>) -> Result<Self, AmbiguousRoutes> {
        let mut by_path: Vec<Vec<Route>> = Vec::new();
        let names = table.iter().map(|route| (route.method().clone(), route.path().to_owned()));
        let names = names.collect();
        for (number, route) in table.into_iter().enumerate() {
            let route = route.numbered(number);
            match by_path.iter_mut().find(|routes| routes[0].path() == route.path()) {
                Some(routes) => {
                    if let Some(same) = routes.iter().find(|known| known.method() == route.method())
                    {
                        return Err(ambiguous(same, &route));
                    }
                    routes.push(route);
                }
                None => by_path.push(vec![route]),
            }
        }
        for (at, routes) in by_path.iter().enumerate() {
            let rival = |other: &&Vec<Route>| rivals(routes[0].path(), other[0].path());
            if let Some(other) = by_path[..at].iter().find(rival) {
                return Err(ambiguous(&other[0], &routes[0]));
            }
        }
        let mut paths = matchit::Router::new();
        for routes in by_path {
            let path = routes[0].path().to_owned();
            let value = Path { allow: allow(routes.iter().map(Route::method)), routes };
            paths
                .insert(path.clone(), value)
                .map_err(|error| AmbiguousRoutes { one: path, other: error.to_string() })?;
        }
        // `OPTIONS *` asks about the server as a whole (RFC 9110, 9.3.7).
        let everywhere = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let server = Path { allow: allow(everywhere.iter()), routes: Vec::new() };
        paths.insert("*", server).expect("no route is called *");
        Ok(Self { paths, names })
    }

    /// Method and path of each route, by its number.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&Method, &str)> {
        self.names.iter().map(|(method, path)| (method, path.as_str()))
    }

    /// What stands at `path`.
    pub(crate) fn resource<'a>(&'a self, path: &'a str) -> Outcome<Resource<'a>> {
        match self.paths.at(path) {
            Ok(found) => Ok(Resource { path: found.value, params: found.params }),
            Err(_) => Err(Failure::of(ErrorCode::RouteNotFound)),
        }
    }
}

/// A path that exists, with what stands in its `{…}`.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    path: &'a Path,
    params: Params<'a, 'a>,
}

impl<'a> Resource<'a> {
    /// The answer to `OPTIONS`, which every path has.
    pub(crate) fn options(&self, method: &Method) -> Option<Reply> {
        (*method == Method::OPTIONS).then(|| respond::options(self.path.allow.clone()))
    }

    /// The route of a method; `HEAD` is `GET` whose body hyper leaves out.
    pub(crate) fn route(&self, method: &Method) -> Outcome<&'a Route> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let mut routes = self.path.routes.iter();
        routes
            .find(|route| route.method() == method)
            .ok_or_else(|| Failure::method_not_allowed(self.path.allow.clone()))
    }

    pub(crate) fn into_params(self) -> Params<'a, 'a> {
        self.params
    }
}

fn allow<'a>(methods: impl Iterator<Item = &'a Method>) -> HeaderValue {
    let mut names = vec![Method::OPTIONS.as_str()];
    for method in methods {
        names.push(method.as_str());
        if *method == Method::GET {
            names.push(Method::HEAD.as_str());
        }
    }
    names.sort_unstable();
    HeaderValue::try_from(names.join(", ")).expect("method names are header text")
}

fn ambiguous(one: &Route, other: &Route) -> AmbiguousRoutes {
    let name = |route: &Route| format!("{} {}", route.method(), route.path());
    AmbiguousRoutes { one: name(one), other: name(other) }
}

/// Whether some path fits both patterns with neither being the more specific
/// one: `/a/{id}` and `/a/new` have a clear order, `/a/{id}` and `/a/{name}`
/// or `/{x}/b` and `/a/{y}` have none.
fn rivals(one: &str, other: &str) -> bool {
    let is_param = |segment: &str| segment.starts_with('{');
    if one.split('/').count() != other.split('/').count() {
        return false;
    }
    let (mut one_wins, mut other_wins) = (false, false);
    for (a, b) in one.split('/').zip(other.split('/')) {
        match (is_param(a), is_param(b)) {
            (false, false) if a != b => return false,
            (false, true) => one_wins = true,
            (true, false) => other_wins = true,
            _ => {}
        }
    }
    one_wins == other_wins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::{public, table};

    fn route(method: Method, path: &'static str) -> Route {
        public(method, path, |_, _| Box::pin(async { Ok(respond::no_content()) }))
    }

    #[test]
    fn the_table_is_unambiguous() {
        Router::new(table()).expect("no two routes collide");
    }

    #[test]
    fn ambiguous_and_duplicate_routes_are_refused() {
        let refused = |one, other| {
            let table = vec![route(Method::GET, one), route(Method::GET, other)];
            Router::new(table).map_err(|error| error.to_string()).err()
        };
        assert_eq!(
            refused("/a", "/a").as_deref(),
            Some("the routes GET /a and GET /a are ambiguous")
        );
        assert!(refused("/a/{id}", "/a/{name}").is_some());
        assert!(refused("/{x}/b", "/a/{y}").is_some());
        assert!(refused("/a/{id}", "/a/new").is_none());
        assert!(refused("/a/{id}", "/b/{id}").is_none());
        assert!(refused("/a/{id}", "/a/{id}/b").is_none());
    }

    #[test]
    fn other_methods_are_told_apart_from_other_paths() {
        let table = vec![route(Method::GET, "/a"), route(Method::POST, "/a")];
        let router = Router::new(table).expect("no two routes collide");
        let code = |method, path| {
            let found = router.resource(path).and_then(|resource| resource.route(&method));
            found.map(|route| route.method().clone()).map_err(|failure| failure.code())
        };
        assert_eq!(code(Method::GET, "/a"), Ok(Method::GET));
        assert_eq!(code(Method::HEAD, "/a"), Ok(Method::GET));
        for method in [Method::TRACE, Method::DELETE, Method::CONNECT] {
            assert_eq!(code(method, "/a"), Err(ErrorCode::MethodNotAllowed));
        }
        for path in ["/", "/a/", "/A", "", "/a/b", "//a"] {
            assert_eq!(code(Method::GET, path), Err(ErrorCode::RouteNotFound), "{path}");
        }
        let allow = &router.resource("/a").expect("it exists").path.allow;
        assert_eq!(allow, "GET, HEAD, OPTIONS, POST");
        assert!(router.resource("*").expect("it exists").options(&Method::OPTIONS).is_some());
    }
}
