// What known systems say when they do not deliver, and what it means. The first that is found counts, so what is said of
// the sender and the message stands before what is said of the recipient, and the particular before the general. The
// words come in lower case, without addresses and codes (reasons.ts); every pattern is a plain alternative of words.

import type { Reason } from './reasons.ts'

const any = (...phrases: string[]): RegExp => new RegExp(phrases.join('|'), 'u')

export const PHRASES: readonly (readonly [Reason, RegExp])[] = [
  ['spam', any('due to spam classification', 'classified as spam')],
  ['expired', any('message expired|envelope expired', 'message still undelivered')],
  [
    'content',
    any(
      'not rfc ?\\d* ?compliant',
      'rfc ?5322 compliant',
      'rfc ?2822',
      'multiple addresses in from',
      'messages with multiple',
      'duplicate header',
      'missing (?:the )?(?:required )?(?:from|date|message-id|subject)\\b.{0,20}header',
      'improper use of 8-bit',
      'header error',
      'line (?:limit exceeded|too long)|lines? longer than',
      'media error',
      'conversion (?:not supported|failed|required)',
      'content presents a potential',
      'potential security issue',
      '(?:attachment|file type)s? (?:of type \\S{1,20} )?(?:is |are )?not (?:allowed|permitted|accepted)',
      'not (?:allowed|permitted|accepted) as (?:an )?attachment|attachment(?: type)? (?:is |was )?blocked',
      'bare (?:lf|line ?feed)',
      'redundant\\. you cannot send',
    ),
  ],
  [
    'auth-failure',
    any(
      '\\bdmarc\\b',
      '\\bspf\\b|sender policy framework|required authentication level',
      '\\bdkim\\b.{0,80}(?:fail|did not|not pass|not valid|invalid|missing)',
      'unauthenticated (?:e?mail|message)',
      'sender is unauthenticated',
      'authentication checks? failed',
      'does not have authentication information',
      'fails to pass authentication',
      'mismatches client ip|anti-?spoofing|not aligned',
      'sender ?id \\(?(?:pra|check)',
    ),
  ],
  [
    'rate-limited',
    any(
      '(?:frequency|rate|connections?|sending|send|messages?) limit(?:ed| exceeded| reached)',
      'too many (?:open connections|spams)|queue quota exceeded|\\(dyn:t\\d\\)|\\brl0000\\d\\d\\b',
      'limit(?:ed)? (?:exceeded )?(?:on|for) (?:concurrent|connections)',
      'too many (?:connections|messages|concurrent|sessions|mails|errors from|smtp sessions)',
      'too many recipients this hour',
      'receiving mail at a rate',
      'receiving (?:mail|messages) too quickly',
      'unexpected volume',
      'unusual rate',
      'rate.?limit',
      '\\bthrottl',
      'sent too (?:much|many)',
      'exceeded .{0,40}(?:per|each|this) (?:hour|day|minute)',
      '(?:hourly|daily|sending) (?:limit|quota)',
      'connection rate',
      'gr[ae]y-?list',
      'temporarily deferred|limit exceeded for recipient|recipient receive limit',
    ),
  ],
  [
    'blocked',
    any(
      'reverse dns|rdns|\\bptr\\b|ip name lookup failed|without a valid sender domain',
      'may not be mail exchanger',
      'unverifyable sending ip',
      'invalid (?:reverse|hostname|helo|ehlo)',
      '(?:client )?host (?:rejected|blocked)',
      'cannot find your (?:reverse )?hostname',
      '(?:helo|ehlo) (?:command )?rejected',
      'my name was rejected',
      'invalid ip for sending|invalid domain name',
      'dnsbl|\\brbl\\b|\\bsbl\\b|\\bxbl\\b|\\bcbl\\b|\\buribl ip|spamhaus|spamcop|sorbs|barracudacentral|abuseat|cdrbl|trendmicro\\.com|senderscore|\\(bl\\)|aup#(?:cd|in-)',
      '(?:ip|address|host|server|network|mta|client|domain|sender)s?(?: address(?:es)?| network)?(?: \\S{1,60})? (?:is |has been |are |was )?(?:currently )?(?:blocked|banned|blacklisted|block ?listed|denylisted|black ?listed)',
      'banned sending ip',
      'blocked (?:using|by|for abuse|ip|at)',
      '^\\W*(?:error - )?blocked\\b| blocked - see',
      '(?:bad|poor|low) reputation|reputation (?:is |too )?(?:low|bad|poor)|bad host reputation',
      'host network not allowed',
      'not allowed to connect|not authorized to connect|connection refused by policy|refused your connection',
      "weren't sent\\. (?:please|we recommend)|contact your internet service provider",
      'an open relay|insecure mail relay',
      'use the smtp server of your isp|no access from mail server',
      'dynamic (?:ip|address)|residential',
      'service refuse|service refused',
      'a problem occurred\\. \\(ask your postmaster',
      'on our block ?list|in our black ?list|envelope blocked|connection denied|traffic not accepted from this ip',
      '\\((?:rly|rtr|dyn|con|dns):\\w{1,4}\\)|no host name found for ip|unable to resolve (?:your|client)',
      'adresse ip source bloquee|\\bblock for spam',
    ),
  ],
  [
    'spam',
    any(
      'spam (?:detected|classification|message|content|filter|score|probability|rejected)',
      '(?:as|is|be|like|considered|contains?|suspected|possibly|probable|likely) (?:a |an )?(?:possible )?(?:\\w+ )?(?:un)?(?:spam\\b|junk|unsolicited)',
      'scored as spam|\\bdt:spm\\b',
      '\\bube\\b|\\buce\\b|unsolicited',
      'blacklisted url|uribl|surbl',
      '\\bspam(?:my)? mail|\\bspam\\b.{0,30}(?:reject|refus|block)|(?:reject|refus|block).{0,40}\\bspam\\b',
      'high spam|bulk mail (?:is )?(?:not|reject)|mail content denied|suspected bounce attack|\\(hvu:\\w{1,4}\\)',
    ),
  ],
  ['virus', any('\\bvirus', '\\bmalware', '\\binfected', '\\btrojan', 'phishing')],
  [
    'too-big',
    any(
      '(?:message|mail|email|file|data)(?: body| header)? (?:is )?(?:too (?:big|large)|size (?:limit |exceeds|exceeded))',
      'message (?:size|length) (?:exceed|limit|is)',
      '(?:size|length) (?:limit )?exceed(?:s|ed)? (?:the )?(?:fixed )?(?:maximum|limit|administrative)',
      'size limit exceeded|exceeds? (?:the )?(?:maximum|size|message size)|sizelimit',
      'too (?:big|large) for (?:system|this|the)',
      'nachricht .{0,10}zu gro(?:ß|ss)|message .{0,10}trop volumineux|mensaje .{0,10}demasiado grande|messaggio .{0,5}troppo grande',
      'mensagem .{0,5}muito grande|bericht .{0,5}te groot|wiadomość .{0,10}(?:za|zbyt) duża|слишком большо|邮件.{0,4}(?:过大|太大)|大きすぎ',
      'larger than (?:the )?(?:current|maximum)',
    ),
  ],
  [
    'sender-refused',
    any(
      '(?:sender|from|mail from|envelope sender|return[- ]path)(?: address| domain)?(?: \\S{0,60})? (?:is |was )?(?:rejected|refused|denied|not (?:allowed|accepted|exist)|invalid|unknown|unroutable)(?! for policy)',
      'unroutable sender|sender (?:address )?(?:verify|verification|callout)|verify failed for sender',
      'domain of sender (?:address )?.{0,80}(?:does not|not) (?:exist|resolve)',
      'sender domain (?:must|does not|not found|invalid)',
      'email address is not verified|identities failed the check',
      'no such sender',
    ),
  ],
  [
    'mailbox-full',
    any(
      '(?:mailbox|mail box|inbox|account|mbox|user)(?: \\S{1,40})? (?:is |has been )?(?:temporarily )?(?:too )?full\\b',
      "(?:mailbox|mail box|inbox|account|user|recipient)(?:'s)?(?: \\S{1,40})? (?:is |has |are )?(?:currently |temporarily )?(?:over|exceeds?|exceeded)(?: (?:the|its|his|their|allowed|local))? ?(?:quota|size|storage|limit|allowed|the )?",
      'exceeded storage allocation|over ?quota|(?:exceed|exceeds|exceeded|exceeding|out of)(?: (?:the|its|his|their|your|disk|storage|mail|mailbox|allowed))* ?(?:quota|storage space|storage)',
      'quota (?:is )?(?:exceeded|full|violation|limit)|quotaexceeded|disk quota|storage quota',
      "messages? in recipient's mailbox exceeded|exceeded (?:the )?local limit|mailbox size limit|too many messages in (?:this )?mailbox",
      'not enough (?:storage|disk|space) (?:space )?(?:in|for|available) (?:the |this )?(?:mailbox|user|recipient)',
      '\\bmailbox full|full mailbox|mailbox has exceeded|over the (?:maximum|allowed) quota',
      'postfach .{0,30}\\bvoll|boîte .{0,50}pleine|buz[oó]n .{0,40}(?:lleno|completo)|casella .{0,40}piena|caixa .{0,50}cheia',
      'postvak .{0,30}\\bvol\\b|skrzynka .{0,50}pełna|postl[åa]d.{0,30}\\bfull|posta kutusu .{0,20}dolu|schránka .{0,30}plná|megtelt',
      'переполнен|ящик .{0,20}полон|邮箱.{0,4}已?满|信箱.{0,4}已?滿|メールボックス.{0,6}(?:一杯|いっぱい)|사서함.{0,8}(?:꽉|가득)',
    ),
  ],
  [
    'suspended',
    any(
      "(?:account|mailbox|user|address|recipient|email)(?:'s)?(?: (?:that you tried to reach|account|mailbox|address|\\(s\\)|is|has|was|been|temporarily|currently|currently being))* (?:disabled|suspended|inactive|deactivated|frozen|locked|blocked|closed|expired|discontinued|not active|on hold|terminated|bloque)",
      '(?:disabled|suspended|inactive|deactivated|frozen|locked|dormant|expired) (?:user|account|mailbox|recipient|email|address|e-mail)',
      'user\\(s\\) account is disabled|account has been disabled|disabled or discontinued|account (?:has been )?discontinued',
      '\\bon hold\\b|mailbox is frozen|is currently not being used|no longer accepts mail|blocked due to inactivity|mail receiving disabled|no longer (?:active|in use|being used)',
      'compte du destinataire est bloque',
    ),
  ],
  [
    'moved',
    any(
      '(?:mailbox|user|account|recipient|address|he|she) (?:has |have )?(?:been )?moved|no forwarding address|recipient no longer on server|has changed (?:his|her|their|its) (?:e-?mail )?address',
      'no longer (?:works|employed|with us|at this)',
    ),
  ],
  [
    'recipient-refused',
    any(
      "due to recipient preferences|refused by (?:the )?recipient\\b(?! domain)|recipient (?:does not|doesn't) (?:want|accept)|rejected by (?:the )?(?:user|domain filter)",
      'message filtered|filtered (?:by|message)|delivery not authorized',
      'you are not (?:a )?member|not a member of|members only|only (?:members|subscribers)|not subscribed',
      '\\bgoogle groups\\b|groups\\.google\\.com/support|may not have permission to post',
      'rst\\.sendernotauthenticated|user denylist|manually blocked senders|rst\\.notauthorized|not authorized to send to|sender not in|held before permitting|not allowed to (?:send|post) to|sender is not (?:in|on) the (?:allowed|list)',
    ),
  ],
  [
    'relay-denied',
    any(
      'relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:permitted|allowed|authorized)|prohibited|refused|rejected|attempt)',
      "rcpthosts|no relaying|not (?:configured|authorized|permitted|allowed|able|willing) to relay|unable to relay|cannot relay|do(?:es)? not relay|we (?:do not|don't) relay|relay not",
      'unauthenticated senders not allowed|turn on smtp authentication|authentication (?:is )?required|authrequired|must authenticate|not authenticated|please authenticate',
    ),
  ],
  ['network', any('name service error .{0,120}host not found, try again')],
  [
    'host-unknown',
    any(
      "host unknown|unknown host|host not found(?!, try again)|no such (?:domain|host)|(?:domain|host) (?:name )?(?:is )?(?:not found(?!, try again)|does not exist|not exist|doesn't exist|unknown|invalid)|invalid domain\\b(?! name)|unrouteable (?:mail )?domain|bad destination system",
      "dns lookup failure|nxdomain|domain name not found|couldn't find any host|couldn't find a mail exchanger|no mx or a|no relevant answers|could not find a gateway|no route for domain|all relevant mx records point to non-existent hosts",
      '[a-z0-9-]\\.[a-z]{2,24} does not exist|domain is not reachable|name or service not known|no mail exchanger|illegal host/domain',
    ),
  ],
  [
    'not-accepting',
    any(
      "null mx|no smtp service|does not accept (?:any )?mail|doesn't (?:accept|receive) e?mail|not accepting (?:connections|network messages|mail)|no mail (?:is )?accepted here|host does not accept",
    ),
  ],
  [
    'network',
    any(
      'too many hops|hop count exceed|maximum hop count|mail (?:for \\S{1,80} )?loops? (?:back|detected)?|routing loop|mail loop|forwarding loop|too many .{0,3}received.{0,3} headers|points? (?:back )?to (?:local host|itself)|loop (?:detected|alert)|loops back to myself|possible loop',
      'malformed or unexpected name server reply|name server timeout|name service error|host not found, try again|host name lookup failure|host (?:is )?not reachable|cname lookup failed|connection died|delivery temporarily suspended|unable to look ?up|domain lookup failed|temporary (?:dns|lookup)',
      "connection (?:timed? ?out|refused|reset|lost|closed|dropped)|lost connection|conversation .{0,60}timed out|connect(?:ion)? to \\S{1,80}: |network (?:error|is unreachable|unreachable)|no route to host|(?:could ?n[o']t|unable to|not able to|cannot|wasn't able to) (?:be )?(?:connect|establish|contact (?:destination|remote))|operation timed ?out|socket error|not accept our requests to connect|timed out while|refused to talk to me|all hosts have been failing",
      'no hosts? (?:was|were)? ?(?:available|reachable)|remote (?:host|server) (?:is )?(?:not responding|down|unreachable)|unreachable for too long',
    ),
  ],
  [
    'user-unknown',
    any(
      "(?:user|recipient|mailbox|account|address|alias|addressee|destinataire|login|local ?part|customer|userid)(?:'s)?(?: (?:name|address|alias|account|email|mailbox|that you tried to reach|you entered|\\S{1,60}))? ?(?:is |was |were |are |does |do |did |has |could |couldn't |cannot |can |be |)?(?:unknown|not (?:found|known|exist|existing|exists|recogni[sz]ed|listed|here|valid|a valid|be found|been found|in|our)|invalid(?:e)?|does not exist|doesn't exist|non-?existent|unavailable|undeliverable|not our)\\b",
      '(?:unknown|no such|invalid|illegal|non-?existent|nonexisting|bad|undeliverable|incorrect|unrouteable|unroutable|wrong)(?: (?:or (?:illegal|invalid|unknown)|final delivery|destination|virtual|local|email|e-mail|mail|to))* (?:user|recipient|mailbox|account|address|alias|addressee|person|userid|destinataire|e-mail|email|login|subscriber|rcpt)',
      'no (?:such|mailbox|account|valid recipients|user)\\b(?! (?:domain|host|sender|command|file))|not (?:our|a local|a valid) (?:user|customer|mailbox|recipient|account)',
      "mailbox not found or access denied|recipnotfound|recipientnotfound|unknown user|user not|users? does(?:n't| not) (?:have|exist)|doesn't have an? .{0,60}account|recipient not found|adresse destinataire invalide|destinataire invalide",
      "email address you entered couldn't be found|wasn't found at the destination|address(?: \\S{1,60})? (?:could|couldn't|cannot) (?:not )?be found|mailbox unavailable|mailbox not available|recipient rejected|check if (?:the )?address is correct|address is possibly incorrect",
      "no valid recipients for this mm|account or domain may not exist|not listed in|is not a (?:known|valid|registered)|can't verify recipient|unable to verify (?:user|recipient)|recipient verify fail|malformed address|bad destination mailbox|address syntax|malformed recipient",
      'empf[äa]nger.{0,30}(?:unbekannt|nicht)|e-?mail-?adresse .{0,40}nicht gefunden|utilisateur inconnu|adresse .{0,60}introuvable',
      'usuario (?:desconocido|no existe)|direcci[oó]n .{0,60}no .{0,30}encontr|utente sconosciuto|indirizzo .{0,60}non .{0,10}trovato',
      'usuário (?:desconhecido|não existe)|endereço .{0,60}não .{0,20}encontrado|e-?mailadres .{0,40}niet gevonden|adres .{0,50}nie .{0,20}znalezion',
      'adress.{0,50}(?:inte hittas|ikke fundet|ikke funnet)|adresi .{0,30}bulunamadı|пользовател[ья] .{0,20}не (?:найден|существует)|нет такого пользователя|адрес .{0,50}не найден',
      '用户不存在|邮箱不存在|收件人不存在|找不到收件人|メールアドレスが見つかりません|ディレクトリのリストにありません|사용자를 찾을 수 없',
    ),
  ],
  [
    'system-full',
    any(
      'insufficient (?:disk|system|storage)|(?:disk|file system|filesystem) (?:is )?full|no space left|out of (?:disk|memory)|not enough disk',
    ),
  ],
  [
    'policy',
    any(
      'policy (?:reasons?|violation|rejection|restrictions?)|(?:denied|blocked|prohibited|rejected|refused|forbidden|not accepted) (?:by|due to|for|because of|under|per) (?:\\w+ )?(?:policy|policies)|local policy|security policy|administrative(?:ly)? prohib',
      'too many recipients|message not allowed|prohibited|not permitted',
    ),
  ],
  [
    'tls',
    any(
      'starttls (?:is )?(?:required|failed)|tls (?:is )?required|must issue a starttls|tls (?:handshake|negotiation) fail|certificate (?:verification|verify|has expired)|requiretls',
    ),
  ],
  [
    'expired',
    any(
      'delivery (?:time|retry timeout|expired)|retry timeout exceeded|retry time not reached|message too old|in the queue too long|could not deliver for the last|giving up\\b.{0,40}(?:days|hours)|delivery failed \\d+ attempts|cannot send message (?:for|within)|has been (?:queued|in the queue) (?:too|for)|not delivered (?:in|within)|aborted after|could not (?:be )?sen[dt].{0,20}(?:for|in) (?:the )?past|after multiple retries|undeliverable for \\d+ (?:days|hours)',
    ),
  ],
  [
    'system',
    any(
      "pipe to \\||listed as a best-preference mx|time limit exceeded|unknown mail(?:er)? (?:transport )?error|\\.qmail file|home directory|misconfigured|internal (?:system |server )?error|system (?:config|configuration) error|mailer error|service (?:currently )?(?:unavailable|not available)|local (?:error|configuration) |configuration error|temporary (?:failure|error|local problem|server error)|couldn't create|lock failure|error while writing|unable to contact ldap|upstream error|could not load|command (?:died|failed)|resources? temporarily unavailable|queue file write error|error in processing|permission denied|temporarily unavailable|i/o error",
    ),
  ],
  [
    'content',
    any(
      '(?:message|mail|e-?mail) (?:content|body|header|text)s? (?:was |is |has been )?(?:rejected|refused|not accepted)',
    ),
  ],
  ['policy', any('rejected by (?:the )?destination domain')],
  [
    'protocol',
    any(
      'need (?:helo|ehlo)|(?:say|send) (?:helo|ehlo|hello) first|bad sequence|improper sequence|(?:command|parameter) not (?:implemented|recogni[sz]ed)|syntax error|unrecognized (?:command|parameter)|protocol error',
    ),
  ],
  ['tls', any('does not support tls|tls (?:is )?not (?:available|supported)')],
  ['recipient-refused', any('recipients was rejected by a remote|mail rejected\\. ')],
]
