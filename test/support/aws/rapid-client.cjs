// Stands in for the native module of `aws-lambda-ric`, which needs a compiler: the same three calls to the Runtime API over node:http.
// Loaded with --require, so that Amazon's own JavaScript runs unmodified.
'use strict';
const http = require('node:http');
const Module = require('node:module');

const [host, port] = (process.env.AWS_LAMBDA_RUNTIME_API ?? '').split(':');
const agent = new http.Agent({ keepAlive: true });

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host, port, agent, method, path: `/2018-06-01/runtime/invocation/${path}`, headers },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ bodyJson: Buffer.concat(chunks).toString(), headers: response.headers }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

// The native client answers before it asks for more.
let answered = Promise.resolve();

const client = {
  initializeClient() {},
  next: () => answered.then(() => call('GET', 'next')),
  done(id, body) {
    answered = call('POST', `${id}/response`, body, { 'content-type': 'application/json' });
  },
  error(id, body, xray) {
    answered = call('POST', `${id}/error`, body, {
      'content-type': 'application/json',
      'lambda-runtime-function-xray-error-cause': Buffer.byteLength(xray) < 8_192 ? xray.replaceAll(/[^\t\x20-\x7e]/g, '?') : '',
    });
  },
};

const load = Module._load;
Module._load = function (request, ...rest) {
  return request === './rapid-client.node' ? client : load.call(this, request, ...rest);
};
