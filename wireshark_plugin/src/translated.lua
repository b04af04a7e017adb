-- Finds the association that another one is, seen on the other side of an address translation.
local keys = require("keys")

local translated = {}

-- So many signs of associations are remembered.
local GENERATION = 16384
-- One packet is not further from itself on two sides of a router, in seconds.
local TWIN_TIME = 1
translated.TWIN_TIME = TWIN_TIME
-- So many connections that are closing are looked through for the whole of a part.
local MAX_PENDING = 64

-- What is remembered of associations, to know them again.
function translated.new()
  return { of = {}, size = 0 }
end

-- What an association has in common with itself on the other side of an address translation, or of a
-- load balancer, which begins a connection of its own: then the object that it carries first tells, and
-- what came back may not have been captured there.
local function sign_of(a, orig, resp)
  local counts, content = a.counts, a.content
  if not (a.confirmed and (content or orig.isn and resp.isn)) then
    return nil
  end
  local asked = table.concat({
    a.calling_ae or "", a.called_ae or "", a.orig_data, counts.echo_rq, counts.store_rq, counts.find_rq,
    counts.n_rq,
  }, "|")
  if content then
    return content .. asked
  end
  return table.concat({ orig.isn, resp.isn, asked, a.resp_data, counts.data_pdus, counts.success }, "|")
end

-- Whether two associations of one sign are one: not where a host has sent an object twice.
local function is_one(orig, other)
  if orig.isn and orig.isn == other.isn then
    return true
  end
  return orig.host ~= other.host or orig.port == other.port
end

-- What a connection that was seen from its beginning has in common with a part of itself that ends
-- early on the other side of a translation, which keeps sequence numbers.
local function beginning_of(a, orig, resp)
  return orig.isn and resp.isn
    and table.concat({ "begins", orig.isn, resp.isn, a.calling_ae or "", a.called_ae or "" }, "|") or nil
end

-- And with a part that begins late.
local function end_of(orig, resp)
  local one, other = orig.fin_at or orig.next, resp.fin_at or resp.next
  return one and other
    and table.concat({ "ends", math.min(one, other), math.max(one, other) }, "|") or nil
end

local function at_once(one, other)
  return one - other < TWIN_TIME and other - one < TWIN_TIME
end

-- Whether two associations have other addresses or ports, in whatever networks.
local function are_apart(a, other)
  local mine, theirs = a.c.a.key, other.c.a.key
  return theirs ~= mine and theirs ~= a.c.b.key and keys.plain(mine) ~= keys.plain(theirs)
    and keys.plain(mine) ~= keys.plain(other.c.b.key)
end

-- Whether two associations have the same addresses and ports, in two networks.
local function are_beside(a, other)
  local mine, theirs = a.c.a.key, other.c.a.key
  return theirs ~= mine and theirs ~= a.c.b.key and not are_apart(a, other)
end

-- The association of which this one is a part, or nil: one that was seen from its beginning to its end,
-- and is told already or about to be.
local function whole_of(signs, closing, a, orig, resp)
  local sign = beginning_of(a, orig, resp)
  local whole = signs.of[sign or end_of(orig, resp) or ""]
  if not sign and not whole then
    for i = closing.first, math.min(closing.first + MAX_PENDING, closing.last) do
      local one, d = closing[i].assoc, closing[i].a
      if one and one ~= a and one.orig and d.isn and d.peer.isn and end_of(d, d.peer) == end_of(orig, resp) then
        whole = one
      end
    end
  end
  if whole and are_apart(a, whole) and at_once(sign and a.ts or a.last_ts, sign and whole.ts or whole.last_ts)
    and (orig.data_bytes or 0) <= (whole.orig.data_bytes or 0) then
    return whole
  end
  return nil
end

local function remember(signs, sign, a)
  if sign then
    if signs.size >= GENERATION then
      signs.of, signs.size = {}, 0
    end
    signs.of[sign], signs.size = a, signs.size + 1
  end
end

-- The association that this one is, seen on the other side of an address translation: the same
-- titles and contents at the same time, or a part of them. Or nil. closing: see endings.queue.
function translated.twin(signs, closing, a, orig, resp)
  if a.confirmed and not (orig.isn and resp.isn and a.closed) then
    local whole = whole_of(signs, closing, a, orig, resp)
    if whole then
      return whole
    end
  end
  local sign = sign_of(a, orig, resp)
  if not sign then
    return nil
  end
  local before = signs.of[sign]
  if before and at_once(a.ts, before.ts) then
    if is_one(orig, before.orig) and are_apart(a, before) then
      return before
    end
    a.alike = are_beside(a, before) and "in another network"
  elseif before and orig.isn and orig.isn == before.orig.isn and resp.isn and resp.isn == before.orig.peer.isn then
    -- Both hosts chose the numbers that they had chosen before: only a second place of capture, whose clock
    -- is another one, is likely to show that.
    a.alike = "at another time"
  end
  remember(signs, sign, a)
  if a.closed then
    remember(signs, beginning_of(a, orig, resp), a)
    remember(signs, orig.isn and end_of(orig, resp), a)
  end
  return nil
end

return translated
