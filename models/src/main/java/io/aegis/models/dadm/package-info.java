/** DADM (arXiv 2503.00429). */
package io.aegis.models.dadm;
