// What must simply be known: free mail providers, link shorteners, brands that are imitated, endings of names that are
// mostly abused. Short on purpose; each table is used by a few rules only, and none decides alone.

/** Providers where anybody gets an address in a minute. */
export const FREE_MAIL = new Set(
  `gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.co.in ymail.com rocketmail.com hotmail.com
  hotmail.co.uk hotmail.fr outlook.com live.com msn.com aol.com icloud.com me.com mac.com gmx.de gmx.net gmx.com web.de
  mail.com mail.ru inbox.ru bk.ru list.ru yandex.ru yandex.com rambler.ru protonmail.com proton.me pm.me tutanota.com
  tuta.com zoho.com fastmail.com hushmail.com lycos.com excite.com qq.com 163.com 126.com sina.com naver.com hanmail.net
  libero.it virgilio.it orange.fr laposte.net free.fr wanadoo.fr t-online.de freenet.de seznam.cz wp.pl o2.pl onet.pl
  interia.pl uol.com.br bol.com.br terra.com.br rediffmail.com email.com usa.com juno.com netscape.net`.split(/\s+/),
)

/** Services whose only use is to hide where a link leads. */
export const SHORTENERS = new Set(
  `bit.ly tinyurl.com t.co goo.gl ow.ly is.gd v.gd buff.ly rebrand.ly cutt.ly shorturl.at tiny.cc rb.gy t.ly bl.ink
  s.id u.to lnkd.in adf.ly qr.ae clck.ru vk.cc goo.su urlz.fr dlvr.it soo.gd shorte.st x.co snip.ly tr.im cli.gs
  short.gy t.me wa.link linktr.ee l.ead.me qrco.de bitly.com urlr.me shrtco.de n9.cl 2no.co`.split(/\s+/),
)

/** Places where anybody puts up a page or a form without a name of their own. */
export const FREE_HOSTING = new Set(
  `web.app firebaseapp.com pages.dev workers.dev r2.dev netlify.app vercel.app herokuapp.com glitch.me github.io
  gitlab.io weebly.com wixsite.com wordpress.com blogspot.com 000webhostapp.com godaddysites.com square.site webflow.io
  typeform.com jotform.com formspree.io forms.gle surveymonkey.com azurewebsites.net web.core.windows.net repl.co
  onrender.com myshopify.com ngrok.io ngrok-free.app duckdns.org ddns.net dynu.net no-ip.org geocities.com tripod.com
  angelfire.com surge.sh`.split(/\s+/),
)

/** Top-level names in which, by the published counts, far more is abused than used. */
export const ABUSED_TLDS = new Set(
  `top xyz icu click buzz cyou cfd sbs rest bond monster quest gdn work loan men win bid stream download racing review
  date party trade science accountant faith cricket tk ml ga cf gq zip mov lol beauty hair skin makeup autos boats
  country kim surf cam fit`.split(/\s+/),
)

/** Names that exist for documentation and inside houses only (RFC 2606, RFC 6761, RFC 6762). */
export const RESERVED_TLDS = new Set([
  'invalid',
  'localhost',
  'local',
  'localdomain',
  'internal',
  'lan',
  'home',
  'corp',
])

export interface Brand {
  readonly name: string
  /** Words of a display name that claim the brand, lower case. */
  readonly words: readonly string[]
  /** The label that stands in its domains: `paypal` of paypal.com. */
  readonly label: string
  /** Other domains from which it writes. */
  readonly domains: readonly string[]
}

const brand = (name: string, label: string, domains = '', ...words: string[]): Brand => ({
  name,
  label,
  domains: domains === '' ? [] : domains.split(' '),
  words: words.length > 0 ? words : [name.toLowerCase()],
})

/** Whom swindlers most often pretend to be. Names that are also common words are not here, or only with a second word. */
export const BRANDS: readonly Brand[] = [
  brand('PayPal', 'paypal', 'paypal-communication.com paypal-notification.com'),
  brand('Amazon', 'amazon', 'amazonses.com amazonaws.com awsevents.com audible.com', 'amazon', 'amazon prime'),
  brand(
    'Microsoft',
    'microsoft',
    'microsoftonline.com office.com office365.com outlook.com live.com msn.com',
    'microsoft',
    'office 365',
    'microsoft 365',
  ),
  brand('Google', 'google', 'gmail.com googlemail.com youtube.com withgoogle.com'),
  brand('Apple', 'apple', 'icloud.com me.com mac.com itunes.com', 'apple id', 'apple support', 'icloud', 'itunes'),
  brand('Facebook', 'facebook', 'facebookmail.com meta.com fb.com instagram.com', 'facebook', 'instagram'),
  brand('Netflix', 'netflix'),
  brand('LinkedIn', 'linkedin'),
  brand('DHL', 'dhl', 'dhl-news.com', 'dhl', 'dhl express'),
  brand('FedEx', 'fedex'),
  brand('UPS', 'ups', '', 'ups express', 'ups delivery', 'ups support'),
  brand('USPS', 'usps'),
  brand('Dropbox', 'dropbox', 'dropboxmail.com dropbox.zendesk.com'),
  brand('DocuSign', 'docusign'),
  brand('Adobe', 'adobe', '', 'adobe sign', 'adobe acrobat', 'adobe'),
  brand('eBay', 'ebay', 'ebay-kleinanzeigen.de'),
  brand('Coinbase', 'coinbase'),
  brand('Binance', 'binance'),
  brand('MetaMask', 'metamask', 'metamask.io'),
  brand('WhatsApp', 'whatsapp'),
  brand('Wells Fargo', 'wellsfargo', 'wf.com', 'wells fargo'),
  brand('Bank of America', 'bankofamerica', 'bofa.com', 'bank of america'),
  brand('Citibank', 'citibank', 'citi.com citigroup.com', 'citibank'),
  brand('HSBC', 'hsbc', 'hsbc.co.uk'),
  brand('Barclays', 'barclays', 'barclaycard.co.uk'),
  brand('Santander', 'santander', 'gruposantander.com'),
  brand('Sparkasse', 'sparkasse', 's-payment.com'),
  brand('Commerzbank', 'commerzbank'),
  brand('PostFinance', 'postfinance'),
  brand('Deutsche Post', 'deutschepost', 'dpdhl.com dhl.de', 'deutsche post'),
  brand('American Express', 'americanexpress', 'aexp.com amex.com', 'american express'),
  brand('Mastercard', 'mastercard'),
  brand('Western Union', 'westernunion', '', 'western union'),
  brand('Norton', 'norton', 'nortonlifelock.com gen.com', 'norton antivirus', 'norton lifelock', 'norton 360'),
  brand('McAfee', 'mcafee'),
  brand('GoDaddy', 'godaddy'),
  brand('Spotify', 'spotify'),
  brand('Costco', 'costco'),
  brand('Walmart', 'walmart'),
]

/** Words of offices that nobody writes from a private free address. */
export const OFFICES = [
  'help desk',
  'helpdesk',
  'it support',
  'it department',
  'system administrator',
  'mail administrator',
  'mailer daemon',
  'mail delivery',
  'webmail',
  'account team',
  'security team',
  'customer service',
  'billing department',
  'human resources',
  'payroll',
  'tax office',
  'lottery',
  'barrister',
  'bank manager',
]
