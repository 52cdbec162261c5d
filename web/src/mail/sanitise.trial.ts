// For the tests, in a browser: shows what the sanitiser leaves without the other two walls, so without sandbox and
// without policy. What is left must be harmless by itself.

import { cleanHtml } from './sanitise.ts'

/** The payloads that ran a script, or kept something that could. */
export async function trial(payloads: readonly string[]): Promise<string[]> {
  const verdicts = await Promise.all(payloads.map(isCaught))
  return payloads.filter((_, i) => verdicts[i])
}

async function isCaught(payload: string): Promise<boolean> {
  const frame = document.createElement('iframe')
  frame.srcdoc = cleanHtml(payload).document.replace(/<meta http-equiv[^>]*>/, ALARM)
  await new Promise((resolve) => {
    frame.onload = resolve
    document.body.append(frame)
  })
  const body = frame.contentDocument!.body
  const elements = [...body.querySelectorAll('*')]
  const hasHandler = elements.some((element) => element.getAttributeNames().some((name) => name.startsWith('on')))
  const hasScriptLink = elements.some((element) =>
    /^\s*(javascript|vbscript|data):/i.test(element.getAttribute('href') ?? ''),
  )
  const hasRun = frame.contentWindow !== null && 'alarm' in frame.contentWindow
  const hasScript = body.querySelector('script') !== null
  frame.remove()
  return hasHandler || hasScriptLink || hasRun || hasScript
}

const ALARM = '<script>alert = confirm = prompt = () => { window.alarm = true }</script>'
