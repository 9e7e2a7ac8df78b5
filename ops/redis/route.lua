#!lua name=troth
-- troth_route: N agents for a capability now, in one round trip. schemas/redis.md is its
-- documentation and says what it promises.
--
--   FCALL_RO troth_route 1 PREFIX:route:CAPABILITY COUNT RANDOM [NAME VALUE]... [COUNTS]
--
-- It writes nothing. Its answer depends on what stands in Redis, on the arguments, and on the time
-- where NOW is not given: all chance comes of RANDOM, through SHA-1, so that it can be repeated.
--
-- Work is bounded: at most READS_MAX hashes, and about as many places looked up, in a call.

local VERSION = 2 -- an engine replaces a library of a lower one

local COUNT_MAX = 64
local RANDOM_LENGTH_MAX = 64
local BAND = 50            -- points within which agents are equals
local BAND_LAST = 19       -- 950 to 1000
local READS_MAX = 256      -- hashes read in a call
local READS_BY_RANK = 192  -- of them, from the top; a route of no more agents is read whole
local READS_PROBATION = 64 -- of them, in an exploring call, before anything else
local FRUITLESS_MAX = 32   -- places in a row of a band that give nobody, before it is left
local EXPLORE = 0.05
local NARROW_TRAFFIC = 0.25 -- where an engine of before did not write it

-- Texts that are needed again and again, made once: to write a number as a text is dear. Of a band:
-- its bounds, as ZCOUNT takes them, and its name in what is drawn for it. Of a draw: its number.
local LOWS, HIGHS, BAND_NAMES, DRAWS = {[0] = '-inf'}, {[BAND_LAST] = '+inf'}, {}, {}
for band = 0, BAND_LAST do
    BAND_NAMES[band] = ':band:' .. band .. ':'
    if band > 0 then
        LOWS[band] = band * BAND .. ''
        HIGHS[band - 1] = '(' .. LOWS[band]
    end
end
for drawn = 0, READS_MAX do
    DRAWS[drawn] = drawn .. ''
end

local CONSEQUENCES = {low = 0, medium = 1, high = 2}

-- Returns a number in 0 <= x < 1 for a text, evenly spread: 32 bits.
local function chance(text)
    return tonumber(string.sub(redis.sha1hex(text), 1, 8), 16) / 4294967296
end

-- Whether a list joined by commas has a member.
local function has(list, member)
    return string.find(',' .. list .. ',', ',' .. member .. ',', 1, true) ~= nil
end

-- A place as text. A number that is given to a command is written as a double, at twice the price.
local function text_of(place)
    return string.format('%d', place)
end

-- ---- places -------------------------------------------------------------------------------------

-- Returns a function that gives the places 0 to size - 1 in an order drawn from RANDOM, each once,
-- then nil: a shuffle (Fisher and Yates) of which only what was moved is kept. In name: of what is
-- drawn, between colons. At most READS_MAX + 1 places are given.
local function places(call, name, size)
    local moved, drawn = {}, 0
    local key = call.random .. name
    return function()
        if drawn >= size or drawn > READS_MAX then
            return nil
        end
        local at = drawn + math.floor(chance(key .. DRAWS[drawn]) * (size - drawn))
        local place = moved[at] or at
        moved[at] = moved[drawn] or drawn
        drawn = drawn + 1
        return place
    end
end

-- ---- one agent ----------------------------------------------------------------------------------

-- What is read of an agent, in the order in which an answer has it.
local SCORE, RUNG, TRAFFIC, CAPABILITIES, COST, GOOD_UNTIL, OFFER_UNTIL, GUARDED =
    1, 2, 3, 4, 5, 6, 7, 8

-- A clear or warned agent past good_until is as its contracts leave it at narrow.
local function narrow(key, row)
    local held = redis.call('HMGET', key, 'narrow_traffic', 'narrow_capabilities',
                            'narrow_max_cost_micros')
    row[RUNG] = 'narrow'
    row[TRAFFIC] = held[1] or tostring(math.min(tonumber(row[TRAFFIC]), NARROW_TRAFFIC))
    row[CAPABILITIES] = held[2] or row[CAPABILITIES]
    row[COST] = held[3] or row[COST]
end

local function is_expired(call, row)
    return call.now >= tonumber(row[OFFER_UNTIL])
end

-- Returns what the agent may be given now, or nil where there is no hash. Reads it once a call.
local function read(call, agent)
    local row = call.rows[agent]
    if row ~= nil then
        return row or nil
    end
    call.counts.reads = call.counts.reads + 1
    local key = call.prefix .. ':agent:' .. agent
    row = redis.call('HMGET', key, 'score', 'rung', 'traffic', 'capabilities', 'max_cost_micros',
                     'good_until', 'offer_until', 'guarded')
    for i = SCORE, OFFER_UNTIL do
        if not row[i] then
            call.rows[agent] = false
            return nil
        end
    end
    local rung = row[RUNG]
    if (rung == 'clear' or rung == 'warn') and call.now >= tonumber(row[GOOD_UNTIL]) and
        not is_expired(call, row) then
        narrow(key, row)
    end
    call.rows[agent] = row
    return row
end

-- Whether the caller can use it: its capability, cost, contract and consequence.
local function fits(call, agent, row)
    local limit = tonumber(row[COST])
    if not has(row[CAPABILITIES], call.capability) or
        (call.cost and limit >= 0 and limit < call.cost) then
        return false
    end
    if not (call.contract or call.consequence) then
        return true
    end
    local held = redis.call('HMGET', call.prefix .. ':agent:' .. agent, 'contracts', 'consequence')
    return (not call.contract or has(held[1] or '', call.contract)) and
        (not call.consequence or (CONSEQUENCES[held[2]] or -1) >= call.consequence)
end

-- Whether its share of the traffic lets it in, by its own hash. On probation it is let in more
-- where the call explores and less elsewhere, so that the whole is its share again.
local function is_admitted(call, agent, row)
    local share = tonumber(row[TRAFFIC])
    if row[RUNG] == 'recertify' then
        if call.exploring then
            share = share / call.explore
        else
            share = (share - call.explore) / (1 - call.explore)
        end
    end
    return share >= 1 or (share > 0 and chance(call.random .. ':agent:' .. agent) < share)
end

-- Puts an agent into the answer, where it may stand there. Returns whether it does.
local function offer(call, agent, row)
    if call.done[agent] then
        return false
    end
    call.done[agent] = true
    local counts = call.counts
    if not row then
        counts.unproven = counts.unproven + 1
    elseif is_expired(call, row) then
        counts.expired = counts.expired + 1
    elseif not fits(call, agent, row) then
        counts.unfit = counts.unfit + 1
    elseif not is_admitted(call, agent, row) then
        counts.held_back = counts.held_back + 1
    else
        call.found[#call.found + 1] = {agent = agent, row = row}
        return true
    end
    return false
end

-- ---- where agents are looked for ----------------------------------------------------------------

local function band_of(score)
    return math.min(math.floor(tonumber(score) / BAND), BAND_LAST)
end

-- Those on probation first. One that is not any more is left to its rank.
local function explore(call)
    local key = call.prefix .. ':probation:' .. call.capability
    local draw = places(call, ':probation:', redis.call('ZCARD', key))
    for _ = 1, READS_PROBATION do
        local place = #call.found < call.count and draw()
        if not place then
            return
        end
        place = text_of(place)
        local agent = redis.call('ZRANGE', key, place, place)[1]
        local row = agent and read(call, agent)
        if row and row[RUNG] == 'recertify' then
            offer(call, agent, row)
        end
    end
end

-- How many the route lists. Asked once, and only where it matters: most calls find somebody before.
local function size_of(call)
    call.size = call.size or redis.call('ZCARD', call.key)
    return call.size
end

-- Whether every agent is tried if need be.
local function is_whole(call)
    return size_of(call) <= READS_BY_RANK
end

local function may_read_by_rank(call)
    local reads = call.counts.reads
    return reads < READS_BY_RANK or (reads < READS_MAX and is_whole(call))
end

-- The agent at a place, counted from the top.
local function agent_at(call, place)
    local text = text_of(place)
    return redis.call('ZREVRANGE', call.key, text, text)[1]
end

local function members_of(call, band)
    return redis.call('ZCOUNT', call.key, LOWS[band], HIGHS[band])
end

-- Returns the band of the agent at a place, which is its band's first, and how many are in it; or
-- nil behind the last. The highest band is asked for straight away: it is seldom empty.
local function band_at(call, first)
    if first == 0 then
        local members = members_of(call, BAND_LAST)
        if members > 0 then
            return BAND_LAST, members
        end
    end
    local text = text_of(first)
    local best = redis.call('ZREVRANGE', call.key, text, text, 'WITHSCORES')[2]
    if not best then
        return nil
    end
    local band = band_of(best)
    return band, members_of(call, band)
end

-- Draws from one band, whose first place from the top is given, until it is not worth more.
local function from_band(call, band, first, size)
    local draw = places(call, BAND_NAMES[band], size)
    local fruitless = 0
    while #call.found < call.count and may_read_by_rank(call) and
        (fruitless < FRUITLESS_MAX or is_whole(call)) do
        local place = draw()
        if not place then
            return
        end
        local agent = agent_at(call, first + place)
        if agent and offer(call, agent, read(call, agent)) then
            fruitless = 0
        else
            fruitless = fruitless + 1
        end
    end
end

local function by_rank(call)
    local first = 0
    while #call.found < call.count and may_read_by_rank(call) do
        local band, members = band_at(call, first)
        if not band then
            return
        end
        from_band(call, band, first, members)
        first = first + members
    end
end

-- Behind many that cannot be given: what is left of the reads goes to places over the whole route,
-- and the best of what is found there is taken.
local function from_anywhere(call)
    local draw = places(call, ':all:', size_of(call))
    local found = call.found
    call.found = {}
    for _ = 1, READS_MAX do
        local place = call.counts.reads < READS_MAX and draw()
        if not place then
            break
        end
        local agent = agent_at(call, place)
        if agent and offer(call, agent, read(call, agent)) then
            call.found[#call.found].order = #call.found
        end
    end
    table.sort(call.found, function(a, b)
        local x, y = band_of(a.row[SCORE]), band_of(b.row[SCORE])
        return x > y or (x == y and a.order < b.order)
    end)
    for i = 1, math.min(#call.found, call.count - #found) do
        found[#found + 1] = call.found[i]
    end
    call.found = found
end

-- ---- the call -----------------------------------------------------------------------------------

local MICROS_MAX = 9007199254740991 -- 2^53 - 1: a number in Lua is a double

local function refusal(name, value, expected)
    return 'ERR troth_route: ' .. name .. ' "' .. string.sub(value, 1, 80) ..
        '" will not do; expected ' .. expected
end

-- Return the number where the text is one up to the highest; else nil.
local function decimal(text, highest)
    local value = string.match(text, '^%d+%.?%d*$') and tonumber(text)
    return value and value <= highest and value or nil
end

local function integer(text, highest)
    local value = string.match(text, '^%d+$') and tonumber(text)
    return value and value <= highest and value or nil
end

local options = {
    NOW = {field = 'now', expected = 'microseconds since 1970, an integer',
           take = function(text) return integer(text, MICROS_MAX) end},
    CONTRACT = {field = 'contract', expected = "a contract's name, [a-z0-9][a-z0-9._-]*",
                take = function(text) return string.match(text, '^[a-z0-9][a-z0-9._-]*$') end},
    CONSEQUENCE = {field = 'consequence', expected = 'low, medium or high',
                   take = function(text) return CONSEQUENCES[text] end},
    COST = {field = 'cost', expected = 'millionths of the currency, an integer',
            take = function(text) return integer(text, MICROS_MAX) end},
    EXPLORE = {field = 'explore', expected = 'a share from 0 to 1, as 0.05',
               take = function(text) return decimal(text, 1) end}
}

-- Returns nothing, or an error.
local function take_options(call, args)
    local at = 3
    while args[at] do
        local name = string.upper(args[at])
        local option = options[name]
        if name == 'COUNTS' then
            call.counted = true
            at = at + 1
        elseif not option then
            return refusal('option', args[at],
                           'NOW, CONTRACT, CONSEQUENCE, COST, EXPLORE or COUNTS')
        elseif not args[at + 1] then
            return 'ERR troth_route: ' .. name .. ' needs a value: ' .. option.expected
        else
            call[option.field] = option.take(args[at + 1])
            if not call[option.field] then
                return refusal(name, args[at + 1], option.expected)
            end
            at = at + 2
        end
    end
end

-- Returns the call, or nil and an error.
local function take(keys, args)
    if #keys ~= 1 then
        return nil, 'ERR troth_route: one key is expected: ' ..
            'FCALL_RO troth_route 1 PREFIX:route:CAPABILITY COUNT RANDOM'
    end
    local prefix, capability = string.match(keys[1], '^(.*):route:([a-z0-9][a-z0-9._-]*)$')
    if not prefix then
        return nil, refusal('key', keys[1], 'PREFIX:route:CAPABILITY, as troth:route:refund')
    end
    if #args < 2 then
        return nil, 'ERR troth_route: COUNT and RANDOM are expected after the key'
    end
    -- With every field from the start: a table that grows is dear.
    local call = {key = keys[1], prefix = prefix, capability = capability, random = args[2],
                  count = integer(args[1], COUNT_MAX), explore = EXPLORE, exploring = false,
                  now = false, contract = false, consequence = false, cost = false,
                  counted = false, size = false, rows = {}, done = {}, found = {},
                  counts = {reads = 0, unproven = 0, expired = 0, unfit = 0, held_back = 0}}
    if not call.count or call.count < 1 then
        return nil, refusal('COUNT', args[1], 'an integer from 1 to ' .. COUNT_MAX)
    end
    if #call.random < 1 or #call.random > RANDOM_LENGTH_MAX then
        return nil, refusal('RANDOM', call.random, '1 to ' .. RANDOM_LENGTH_MAX ..
                            ' bytes, drawn anew for each call, as a number of 64 bits')
    end
    local problem = take_options(call, args)
    if problem then
        return nil, problem
    end
    if not call.now then
        local time = redis.call('TIME')
        call.now = tonumber(time[1]) * 1000000 + tonumber(time[2])
    end
    call.exploring = chance(call.random .. ':explore') < call.explore
    return call
end

local function answer(call)
    local agents = {}
    for i, found in ipairs(call.found) do
        agents[i] = {found.agent, unpack(found.row, SCORE, GUARDED)}
    end
    if not call.counted then
        return agents
    end
    local counts = call.counts
    return {agents, {'listed', size_of(call), 'reads', counts.reads, 'unproven', counts.unproven,
                     'expired', counts.expired, 'unfit', counts.unfit,
                     'held_back', counts.held_back, 'exploring', call.exploring and 1 or 0}}
end

local function troth_route(keys, args)
    local call, problem = take(keys, args)
    if not call then
        return redis.error_reply(problem)
    end
    if call.exploring then
        explore(call)
    end
    by_rank(call)
    if #call.found < call.count and not is_whole(call) then
        from_anywhere(call)
    end
    return answer(call)
end

redis.register_function{function_name = 'troth_route', callback = troth_route,
                        flags = {'no-writes'}}
