// One message of a conversation: who, when, what was verified at the Border, the body, the files.

import { createResource, createSignal, For, Match, Show, Switch } from 'solid-js'
import { request, type TraceView } from '../api.ts'
import { fullDate, hueOf, initialOf, nameOf, shortDate, size } from '../format.ts'
import type { Address, BodyPart, Email } from '../jmap.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { Icon } from '../parts/icons.tsx'
import { TraceResult } from '../parts/TraceResult.tsx'
import { handOver } from '../trace/handover.ts'
import { Badges } from './Badges.tsx'
import { HtmlBody, PlainBody } from './Body.tsx'
import { answerTo, draftFrom, forwardOf } from './draft.ts'
import { fetchEmails } from './read.ts'
import { WriteAgain } from './Suppressed.tsx'
import type { Mail } from './state.ts'

export function Message(props: { mail: Mail; id: string; isUnfolded: boolean; onToggle: () => void }) {
  const { mail } = props
  const summary = () => mail.thread().find(({ id }) => id === props.id)
  const [email] = createResource(
    () => (props.isUnfolded ? props.id : undefined),
    async (id) => (await fetchEmails(mail.jmap, [id]))[0],
  )
  const [isTracing, setIsTracing] = createSignal(false)
  const [isAsking, setIsAsking] = createSignal(false)
  return (
    <Show when={summary()}>
      {(shown) => (
        <section
          class="message"
          classList={{ folded: !props.isUnfolded }}
          aria-label={`Message from ${nameOf(shown().from?.[0])}, ${shortDate(shown().receivedAt)}`}
        >
          <header class="message-head">
            <span class="avatar" style={{ '--hue': String(hueOf(shown().from?.[0]?.email ?? '')) }} aria-hidden="true">
              {initialOf(shown().from?.[0])}
            </span>
            <button type="button" class="message-who" aria-expanded={props.isUnfolded} onClick={() => props.onToggle()}>
              <span class="message-from">
                <strong>{nameOf(shown().from?.[0])}</strong>
                <Show when={props.isUnfolded && shown().from?.[0]?.name}>
                  <span class="quiet address">{shown().from![0]!.email}</span>
                </Show>
                <Show when={shown().keywords.$draft}>
                  <span class="tag">Draft</span>
                </Show>
              </span>
              <span class="message-line quiet">
                {props.isUnfolded ? recipients(shown().to, email()?.cc, mail.me.address) : shown().preview}
              </span>
            </button>
            <time class="quiet" datetime={shown().receivedAt} title={fullDate(shown().receivedAt)}>
              {shortDate(shown().receivedAt)}
            </time>
            <Show when={props.isUnfolded}>
              <MessageMenu
                mail={mail}
                id={props.id}
                email={email()}
                onTrace={() => setIsTracing(true)}
                onWhere={() => setIsAsking(true)}
              />
            </Show>
          </header>
          <Show when={props.isUnfolded}>
            <Show when={email()} fallback={<div class="message-loading" aria-busy="true" />}>
              {(whole) => (
                <>
                  <Badges email={whole()} onTrace={() => setIsTracing(true)} />
                  <Show when={shown().keywords.$draft}>
                    <p class="draft-note">
                      <button type="button" onClick={() => mail.compose(draftFrom(whole(), mail.identities()))}>
                        <Icon name="pen" /> Go on writing
                      </button>
                    </p>
                  </Show>
                  <Bodies mail={mail} email={whole()} />
                  <Files mail={mail} email={whole()} />
                </>
              )}
            </Show>
          </Show>
          <Show when={isTracing()}>
            <TracePanel
              id={props.id}
              source={mail.jmap.downloadUrl(email()?.blobId ?? '', 'message.eml', 'message/rfc822')}
              onClose={() => setIsTracing(false)}
            />
          </Show>
          <Show when={isAsking() && email()?.messageId?.[0]}>
            {(messageId) => <WherePanel messageId={messageId()} onClose={() => setIsAsking(false)} />}
          </Show>
        </section>
      )}
    </Show>
  )
}

function recipients(to: readonly Address[] | null, cc: readonly Address[] | null | undefined, own: string): string {
  const name = (address: Address): string =>
    address.email.toLowerCase() === own.toLowerCase() ? 'me' : nameOf(address)
  const list = (addresses: readonly Address[] | null | undefined): string => (addresses ?? []).map(name).join(', ')
  return `to ${list(to) || 'nobody named'}${cc?.length ? `, copy to ${list(cc)}` : ''}`
}

function MessageMenu(props: {
  mail: Mail
  id: string
  email: Email | undefined
  onTrace: () => void
  onWhere: () => void
}) {
  const isMine = () =>
    props.mail.identities().some(({ email }) => email.toLowerCase() === props.email?.from?.[0]?.email.toLowerCase())
  const actions: Record<string, () => void> = {
    reply: () => props.email && props.mail.compose(answerTo(props.email, false, props.mail.identities())),
    all: () => props.email && props.mail.compose(answerTo(props.email, true, props.mail.identities())),
    forward: () => props.email && props.mail.compose(forwardOf(props.email, props.mail.identities()[0])),
    trace: () => props.onTrace(),
    where: () => props.onWhere(),
    original: () =>
      props.email && location.assign(props.mail.jmap.downloadUrl(props.email.blobId, 'message.eml', 'message/rfc822')),
    star: () => void props.mail.setKeyword([props.id], '$flagged', !props.email?.keywords.$flagged),
  }
  return (
    <label class="icon-button more" title="More">
      <span aria-hidden="true">⋯</span>
      <select
        aria-label="More actions for this message"
        onChange={(event) => {
          actions[event.currentTarget.value]?.()
          event.currentTarget.value = ''
        }}
      >
        <option value="">This message …</option>
        <option value="reply">Reply</option>
        <option value="all">Reply all</option>
        <option value="forward">Forward</option>
        <option value="star">Star or remove the star</option>
        <option value="trace">How did this reach me?</option>
        <Show when={isMine() && !props.email?.keywords.$draft}>
          <option value="where">Where is my mail?</option>
        </Show>
        <option value="original">Save the original (.eml)</option>
      </select>
    </label>
  )
}

function Bodies(props: { mail: Mail; email: Email }) {
  const value = (part: BodyPart): string =>
    part.partId === null ? '' : (props.email.bodyValues[part.partId]?.value ?? '')
  const isTruncated = () => Object.values(props.email.bodyValues).some((body) => body.isTruncated)
  return (
    <div class="bodies">
      <For each={props.email.htmlBody}>
        {(part) => (
          <Switch>
            <Match when={part.type === 'text/html'}>
              <HtmlBody mail={props.mail} email={props.email} html={value(part)} />
            </Match>
            <Match when={part.type.startsWith('text/')}>
              <PlainBody text={value(part)} />
            </Match>
          </Switch>
        )}
      </For>
      <Show when={isTruncated()}>
        <p class="quiet">The message is very long; this is its beginning.</p>
      </Show>
    </div>
  )
}

function Files(props: { mail: Mail; email: Email }) {
  const files = () =>
    props.email.attachments.filter(
      (part) => part.blobId !== null && !(part.cid !== null && part.disposition === 'inline'),
    )
  return (
    <Show when={files().length > 0}>
      <ul class="files" aria-label="Attachments">
        <For each={files()}>
          {(part) => {
            const name = part.name ?? (part.type === 'message/rfc822' ? 'message.eml' : 'attachment')
            return (
              <li>
                <a href={props.mail.jmap.downloadUrl(part.blobId!, name, part.type)} download={name}>
                  <Icon name="download" />
                  <span class="file-name">{name}</span>
                  <span class="quiet">{size(part.size)}</span>
                </a>
              </li>
            )
          }}
        </For>
      </ul>
    </Show>
  )
}

/** What became of a message that was sent. */
interface WhereView {
  readonly stories: readonly {
    readonly sentence: string
    readonly lines: readonly { readonly text: string }[]
    readonly stopped: readonly string[]
  }[]
}

function WherePanel(props: { messageId: string; onClose: () => void }) {
  const [view] = createResource(() =>
    request<WhereView>('GET', `/api/where?q=${encodeURIComponent(`<${props.messageId}>`)}`),
  )
  return (
    <Dialog title="Where is my mail?" class="wide" onClose={() => props.onClose()}>
      <Show when={!view.error} fallback={<p class="error">{(view.error as Error).message}</p>}>
        <Show when={view()} fallback={<p class="quiet">Reading what each role wrote down …</p>}>
          {(shown) => (
            <For each={shown().stories} fallback={<p>Nothing is known of it any more: events are kept for 30 days.</p>}>
              {(story) => (
                <>
                  <p>
                    <strong>{story.sentence}</strong>
                  </p>
                  <For each={story.stopped}>{(address) => <WriteAgain address={address} />}</For>
                  <ol>
                    <For each={story.lines}>{({ text }) => <li>{text}</li>}</For>
                  </ol>
                </>
              )}
            </For>
          )}
        </Show>
      </Show>
    </Dialog>
  )
}

function TracePanel(props: { id: string; source: string; onClose: () => void }) {
  const [fault, setFault] = createSignal('')
  /** The page reads it in this browser. */
  async function openPage(): Promise<void> {
    const response = await fetch(props.source).catch(() => undefined)
    if (!response?.ok) return void setFault('The message could not be fetched.')
    if (handOver(new Uint8Array(await response.arrayBuffer()))) location.assign('/trace')
    else setFault('This browser keeps no such large message for the other page.')
  }
  const [view] = createResource(() => request<TraceView>('GET', `/api/trace?email=${props.id}`))
  return (
    <Dialog title="How did this reach me?" class="wide" onClose={() => props.onClose()}>
      <Show when={!view.error} fallback={<p class="error">{(view.error as Error).message}</p>}>
        <Show when={view()} fallback={<p class="quiet">Reading the lines that each agent wrote …</p>}>
          {(shown) => <TraceResult view={shown()} />}
        </Show>
      </Show>
      <p class="row">
        <button type="button" onClick={() => void openPage()}>
          Hop by hop, with its signatures
        </button>
        <span role="alert" class="error">
          {fault()}
        </span>
      </p>
    </Dialog>
  )
}
