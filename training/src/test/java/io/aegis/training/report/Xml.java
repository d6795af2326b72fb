package io.aegis.training.report;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import org.xml.sax.helpers.DefaultHandler;

/** A document as a real parser sees it; what is not well-formed throws. */
record Xml(Document document) {
    static Xml parse(String text) {
        try {
            DocumentBuilder builder = DocumentBuilderFactory.newInstance().newDocumentBuilder();
            builder.setErrorHandler(new DefaultHandler());
            return new Xml(builder.parse(new InputSource(new StringReader(text))));
        } catch (Exception e) {
            throw new AssertionError("not well-formed: " + text, e);
        }
    }

    List<Element> all(String name) {
        NodeList found = document.getElementsByTagName(name);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < found.getLength(); i++) {
            elements.add((Element) found.item(i));
        }
        return elements;
    }

    List<String> texts(String name) {
        return all(name).stream().map(Element::getTextContent).toList();
    }

    List<Element> ofClass(String name, String styleClass) {
        return all(name).stream()
                .filter(e -> e.getAttribute("class").equals(styleClass))
                .toList();
    }
}
