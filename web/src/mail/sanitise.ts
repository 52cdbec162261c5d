// HTML mail made harmless: what a stranger wrote is cleaned by DOMPurify, then shown in a sandboxed frame whose own
// policy forbids scripts and every load. Three walls; each holds alone.

import DOMPurify from 'dompurify'

const FORBIDDEN_TAGS = [
  'audio',
  'base',
  'button',
  'dialog',
  'embed',
  'form',
  'frame',
  'frameset',
  'iframe',
  'input',
  'link',
  'math',
  'meta',
  'noscript',
  'object',
  'option',
  'picture',
  'portal',
  'select',
  'slot',
  'source',
  'svg',
  'template',
  'textarea',
  'track',
  'video',
]
const FORBIDDEN_ATTRIBUTES = [
  'srcset',
  'background',
  'poster',
  'ping',
  'action',
  'formaction',
  'autofocus',
  'tabindex',
  'contenteditable',
  'accesskey',
  'is',
]
const INLINE_IMAGE = /^data:image\/(png|jpe?g|gif|webp|avif|bmp);base64,/i
const LINK = /^(https?:|mailto:|tel:|#)/i

/** CSS that could fetch something; the frame's policy forbids it too. */
const FETCHING_CSS = /url\s*\(|@import|image-set\s*\(|expression\s*\(|-moz-binding|behavior\s*:/i

export interface CleanHtml {
  /** A whole document for `srcdoc`. */
  readonly document: string
  /** How many pictures would have been fetched from elsewhere. */
  readonly remoteImages: number
}

/** `inline`: data URLs by Content-ID, for pictures that came with the message. */
export function cleanHtml(html: string, inline: ReadonlyMap<string, string> = new Map()): CleanHtml {
  let remoteImages = 0
  const purify = DOMPurify()
  purify.addHook('uponSanitizeElement', (node, data) => {
    if (data.tagName === 'style' && node.textContent && FETCHING_CSS.test(unescapeCss(node.textContent)))
      node.textContent = dropFetches(node.textContent)
  })
  purify.addHook('uponSanitizeAttribute', (node, data) => {
    const value = data.attrValue.trim()
    if (data.attrName === 'src') {
      const picture = /^cid:/i.test(value) ? inline.get(decodeCid(value.slice(4))) : value
      if (picture !== undefined && INLINE_IMAGE.test(picture)) {
        data.attrValue = picture
        return
      }
      if (!/^cid:/i.test(value)) remoteImages++
      data.keepAttr = false
    } else if (data.attrName === 'style') {
      if (FETCHING_CSS.test(unescapeCss(value))) data.attrValue = dropFetches(value)
    } else if (data.attrName === 'href' || data.attrName === 'xlink:href') {
      data.keepAttr = node.nodeName.toLowerCase() === 'a' && LINK.test(value)
    }
  })
  purify.addHook('afterSanitizeAttributes', (node) => {
    if (node.nodeName === 'A' && node.hasAttribute('href')) {
      node.setAttribute('target', '_blank')
      node.setAttribute('rel', 'noopener noreferrer')
    }
    if (node.nodeName === 'IMG' && !node.hasAttribute('src')) node.setAttribute('data-blocked', '')
  })
  const body = purify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: FORBIDDEN_TAGS,
    FORBID_ATTR: FORBIDDEN_ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: true,
    FORCE_BODY: true,
    SANITIZE_NAMED_PROPS: true,
  })
  return { document: frameDocument(body), remoteImages }
}

const decodeCid = (cid: string): string => {
  try {
    return decodeURIComponent(cid)
  } catch {
    return cid
  }
}

const unescapeCss = (css: string): string =>
  css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\\([0-9a-f]{1,6})\s?/gi, (_, hex: string) =>
      String.fromCodePoint(Math.min(Number.parseInt(hex, 16) || 32, 0x10ffff)),
    )
    .replace(/\\(.)/g, '$1')

/** Declarations that fetch are left out; where that cannot be told apart, all of the style is. */
function dropFetches(css: string): string {
  const kept = css.replace(
    /[^{};]*(url\s*\(|image-set\s*\(|@import|expression\s*\(|-moz-binding|behavior\s*:)[^;{}]*;?/gi,
    '',
  )
  return FETCHING_CSS.test(unescapeCss(kept)) ? '' : kept
}

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

function frameDocument(body: string): string {
  return `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light"><style>${FRAME_STYLE}</style></head><body>${body}</body></html>`
}

// The paper stays light in dark mode: mail brings colours of its own that were chosen for it.
const FRAME_STYLE = `html{background:#fff;color:#1d2329}body{margin:0;padding:16px 20px;font:15px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
img{max-width:100%;height:auto}img[data-blocked]{min-width:1em;min-height:1em;background:#eef1f3;outline:1px dashed #b8c2c9;outline-offset:-1px}
table{max-width:100%}pre{white-space:pre-wrap}blockquote{margin:0 0 0 2px;padding-left:14px;border-left:3px solid #d3dade;color:#4b565e}a{color:#0b6170}`
