// A real OpenID provider (npm oidc-provider) in the place of Microsoft Entra ID: node provider.mjs FOLDER < settings.json
// FOLDER holds node_modules. One line of JSON on stdout says where it listens; POST /control steers it.
import crypto from 'node:crypto';
import https from 'node:https';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const settings = JSON.parse(Buffer.concat(chunks));
console.info = console.warn = () => {};
const { Provider, errors, interactionPolicy } = await import(
  pathToFileURL(path.join(process.argv[2], 'node_modules/oidc-provider/lib/index.js')));

const fresh = () => ({ person: settings.person, consent: 'all', lasts: 3600, refuse: [], log: [], broken: 0 });
let state = fresh();
const BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

// --- what is stored; it can be made to expire, or be taken back ----------------------------------------------------
const store = new Map();
class Adapter {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { store.set(this.key(id), { ...payload }); }
  async find(id) { return store.get(this.key(id)); }
  async findByUid(uid) { return this.first((p) => p.uid === uid); }
  async findByUserCode(code) { return this.first((p) => p.userCode === code); }
  async first(fits) {
    for (const [key, payload] of store) if (key.startsWith(`${this.model}:`) && fits(payload)) return payload;
    return undefined;
  }
  async consume(id) { store.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { store.delete(this.key(id)); }
  async revokeByGrantId(grant) {
    for (const [key, payload] of store) if (payload.grantId === grant) store.delete(key);
  }
}
const each = (model, change) => {
  for (const [key, payload] of store) if (key.startsWith(`${model}:`)) change(key, payload);
};
const actions = {
  reset() { state = fresh(); store.clear(); },
  set({ action, ...fields }) { Object.assign(state, fields); },
  revoke() { each('RefreshToken', (key) => store.delete(key)); },
  expire({ model }) { each(model, (key, payload) => { payload.exp = 1; }); },
};

// --- the provider --------------------------------------------------------------------------------------------------
const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const policy = interactionPolicy.base();
policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }));
const TTL = () => state.lasts;

function configuration() {
  return {
    adapter: Adapter,
    clients: settings.clients,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
    scopes: ['openid', 'offline_access', ...settings.scopes],
    claims: { openid: ['sub'], profile: ['preferred_username', 'tid'] },
    conformIdTokenClaims: false,
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
    },
    interactions: { policy, url: (ctx, interaction) => `${settings.base}/interaction/${interaction.uid}` },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    findAccount: async (ctx, id) => ({ accountId: id, claims: async () => account(id) }),
    ttl: { AccessToken: TTL, ClientCredentials: TTL, DeviceCode: 600, RefreshToken: 86400, IdToken: 3600, Grant: 86400,
      Session: 3600, Interaction: 600 },
    enabledJWA: {
      clientAuthSigningAlgValues: ['PS256', 'RS256', 'ES256'],
    },
    cookies: { keys: ['tests'] },
  };
}

// On-behalf-of: a token of a person, for another one ("Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow").
async function onBehalfOf(ctx) {
  const { client, params } = ctx.oidc;
  const held = await provider.AccessToken.find(params.assertion);
  if (!held || params.requested_token_use !== 'on_behalf_of') {
    throw new errors.InvalidGrant('AADSTS50013: Assertion failed signature validation.');
  }
  const scope = settings.scopes.join(' ');
  const grant = new provider.Grant({ accountId: held.accountId, clientId: client.clientId });
  grant.addOIDCScope(`openid profile ${scope}`);
  const told = { accountId: held.accountId, client, grantId: await grant.save(), gty: 'obo', scope: `openid profile ${scope}` };
  const access = new provider.AccessToken(told);
  const token = new provider.IdToken(account(held.accountId), { ctx });
  token.scope = 'openid profile';
  ctx.body = {
    access_token: await access.save(), expires_in: access.expiration, token_type: 'Bearer', scope,
    refresh_token: await new provider.RefreshToken(told).save(), id_token: await token.issue({ use: 'idtoken' }),
  };
}
const account = (id) => ({ sub: id, preferred_username: id, tid: settings.tid });

// What the person does on the provider's pages: they are `state.person` and agree to `state.consent`.
async function interact(provider, req, res) {
  const details = await provider.interactionDetails(req, res);
  const { name } = details.prompt;
  if (name === 'login' || name === 'select_account') {
    const result = { login: { accountId: state.person }, select_account: {} };
    return provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true });
  }
  if (state.consent === 'none') {
    const denied = { error: 'access_denied', error_description: 'AADSTS65004: User declined to consent to access the app.' };
    return provider.interactionFinished(req, res, denied, { mergeWithLastSubmission: false });
  }
  const asked = details.params.scope.split(' ');
  const agreed = state.consent === 'all' ? asked : asked.filter((s) => !s.includes('/') || state.consent.includes(s.split('/').at(-1)));
  const grant = new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
  grant.addOIDCScope(agreed.join(' '));
  const rejected = asked.filter((s) => !agreed.includes(s));
  if (rejected.length) grant.rejectOIDCScope(rejected.join(' '));
  const consent = { grantId: await grant.save() };
  return provider.interactionFinished(req, res, { consent }, { mergeWithLastSubmission: true });
}

// --- the server ----------------------------------------------------------------------------------------------------
function answer(res, status, body) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}
async function read(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts).toString();
}
const server = https.createServer({ key: settings.key, cert: settings.cert }, async (req, res) => {
  try {
    if (req.url === '/control') {
      const told = JSON.parse(await read(req));
      actions[told.action]?.(told);
      return answer(res, 200, state);
    }
    if (req.url.startsWith('/interaction/')) return await interact(provider, req, res);
    if (!req.url.startsWith(`/${settings.tenant}/v2.0`)) {
      return answer(res, 400, { error: 'invalid_tenant', error_description: "AADSTS90002: Tenant not found." });
    }
    if (req.method === 'POST') {
      const form = Object.fromEntries(new URLSearchParams(req.body = await read(req)));
      state.log.push({ path: req.url, form });
      if (form.grant_type && state.broken) return answer(res, state.broken, { error: 'temporarily_unavailable' });
      if (form.grant_type && state.refuse.length) return answer(res, 400, state.refuse.shift());
      // Entra ID lets a refresh ask for offline_access again; here it is no part of what was agreed to.
      if (form.grant_type === 'refresh_token') form.scope = form.scope.replace('offline_access', '').replace(/ +/g, ' ').trim();
      req.body = form;
    }
    req.originalUrl = req.url;
    req.baseUrl = `/${settings.tenant}/v2.0`;
    req.url = req.url.slice(req.baseUrl.length) || '/';
    handle(req, res);
  } catch (error) {
    answer(res, 500, { error: 'server_error', error_description: String(error.stack) });
  }
});
let provider;
let handle;
server.listen(0, '127.0.0.1', () => {
  settings.base = `https://localhost:${server.address().port}`;
  provider = new Provider(`${settings.base}/${settings.tenant}/v2.0`, configuration());
  provider.registerGrantType(BEARER, onBehalfOf, ['assertion', 'scope', 'requested_token_use']);
  provider.on('server_error', (ctx, error) => process.stderr.write(`${error.stack}\n`));
  handle = provider.callback();
  process.stdout.write(`${JSON.stringify({ url: settings.base })}\n`);
});
