# A static site's CDN edge: everything is kept until it is purged.
# varnish.py puts in what stands between @ signs, and alone reaches the socket for orders, which lies in its folder.
vcl 4.1;

import std;

backend origin {
  .host = "127.0.0.1";
  .port = "@BACKEND_PORT@";
}

sub vcl_recv {
  if (local.socket == "orders") {
    if (req.method == "PURGE") {
      return (purge);
    }
    if (req.method == "BAN") {
      if (!std.ban("obj.http.x-key ~ " + req.http.x-pattern)) {
        return (synth(400, std.ban_error()));
      }
      return (synth(200, "Banned"));
    }
    if (req.method == "PEEK") {
      return (hash);
    }
    return (synth(405, "orders are PURGE, BAN and PEEK"));
  }
  # Varnish takes the host from a whole URL, which is how clients ask a proxy, unless no path follows.
  if (req.url ~ "(?i)^https?://[^/?]+([?]|$)") {
    set req.http.host = regsub(req.url, "(?i)^https?://([^/?]+).*", "\1");
    set req.url = regsub(req.url, "(?i)^https?://[^/?]+", "/");
  }
  # The key is the host in lower case without port, and the target's bytes as sent.
  set req.http.host = std.tolower(regsub(req.http.host, ":.*", ""));
  if (req.http.host !~ "@HOSTS@" || req.url !~ "^/") {
    return (synth(404, "no such site on this CDN"));
  }
  if (req.method != "GET" && req.method != "HEAD") {
    return (synth(405, "this edge answers GET and HEAD"));
  }
  return (hash);
}

sub vcl_hash {
  hash_data(req.http.host + req.url);
  return (lookup);
}

sub vcl_hit {
  if (req.method == "PEEK") {
    return (synth(200, "Cached"));
  }
  return (deliver);
}

sub vcl_miss {
  if (req.method == "PEEK") {
    return (synth(404, "Not cached"));
  }
  return (fetch);
}

sub vcl_backend_response {
  # For bans, which know the object but no request: so the ban lurker can work them off.
  set beresp.http.x-key = bereq.http.host + bereq.url;
  if ((beresp.status == 200 || beresp.status == 404) && beresp.http.Surrogate-Control !~ "no-store") {
    set beresp.ttl = 1w;
  } else {
    set beresp.ttl = 0s;
  }
  # What was purged is gone: not served once more while a new copy is fetched, nor revalidated.
  set beresp.grace = 0s;
  set beresp.keep = 0s;
  return (deliver);
}

sub vcl_backend_error {
  # Else Varnish keeps its error for a second when more than one visitor waits.
  set beresp.ttl = 0s;
  set beresp.grace = 0s;
  set beresp.keep = 0s;
}

sub vcl_deliver {
  if (resp.http.x-key) {
    if (obj.hits > 0) {
      set resp.http.X-Cache = "HIT";
      set resp.http.Cache-Status = server.identity + "; hit";
    } else {
      set resp.http.X-Cache = "MISS";
      set resp.http.Cache-Status = server.identity + "; fwd=miss";
    }
    set resp.http.Via = "1.1 " + server.identity + " (Varnish)";
    unset resp.http.x-key;
    unset resp.http.Surrogate-Control;
  }
  return (deliver);
}

sub vcl_synth {
  set resp.http.Content-Type = "text/plain";
  set resp.body = resp.reason + {"
"};
  return (deliver);
}
